import { gzipSync } from 'node:zlib';

import type { ManifestDescriptor } from '../../src/oci/descriptor.ts';
import { type Digest, digestOf } from '../../src/oci/digest.ts';
import { bytesContent, type Content, tarContent } from './content.ts';
import { type Architecture, helloProgram, hostArchitecture } from './hello-program.ts';
import { MEDIA_TYPES, type MediaTypeFamily } from './media-types.ts';
import { tarArchive } from './tar.ts';

export interface Manifest {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly bytes: Buffer;
}

interface Repository {
  readonly manifests: Map<Digest, Manifest>;
  readonly blobs: Set<Digest>;
  readonly tags: Map<string, Digest>;
}

export interface ImageOptions {
  /** Bytes of each layer besides the hello program's; 2048 or more. Default: none. */
  readonly layers?: readonly number[];
  /** Other bytes for another seed. Default: the repository and the tag. */
  readonly seed?: string;
  readonly family?: MediaTypeFamily;
  readonly architecture?: Architecture;
}

export interface BuiltImage extends Manifest {
  readonly config: Digest;
  /** The first is the hello program's. */
  readonly layers: readonly Digest[];
}

export interface BuiltIndex extends Manifest {
  readonly images: Readonly<Record<Architecture, BuiltImage>>;
}

/** Repositories with images made from nothing: what an upstream has, before anybody serves it. */
export class Images {
  readonly repositories = new Map<string, Repository>();
  readonly blobs = new Map<Digest, Content>();
  /** By subject, as the referrers endpoint lists them. */
  readonly referrers = new Map<Digest, ManifestDescriptor[]>();

  /** An image that prints the hello line when it is run. `tag` undefined: known by digest only. */
  addImage(repository: string, tag: string | undefined, options: ImageOptions = {}): BuiltImage {
    const { layers = [], seed = `${repository}:${tag}`, family = 'oci', architecture = hostArchitecture } = options;
    const types = MEDIA_TYPES[family];
    const hello = tarArchive([{ path: 'hello', mode: 0o755, content: helloProgram(architecture) }]);
    const marker = tarArchive([{ path: 'seed', content: Buffer.from(seed) }]);
    const first = gzipSync(Buffer.concat([hello.subarray(0, -1024), marker]));
    const parts = layers.map((size, index) => tarContent(`${seed}/${index}`, size));
    const contents = [bytesContent(first), ...parts];
    const uncompressed = Buffer.concat([hello.subarray(0, -1024), marker]);
    const config = bytesContent(
      json({
        architecture,
        os: 'linux',
        config: { Cmd: ['/hello'] },
        rootfs: { type: 'layers', diff_ids: [digestOf(uncompressed), ...parts.map(({ digest }) => digest)] },
      }),
    );
    const manifest = this.addManifest(repository, tag, types.manifest, {
      schemaVersion: 2,
      mediaType: types.manifest,
      config: { mediaType: types.config, digest: config.digest, size: config.size },
      layers: contents.map(({ digest, size }, index) => ({
        mediaType: index === 0 ? types.gzipLayer : types.layer,
        digest,
        size,
      })),
    });
    for (const content of [config, ...contents]) this.addBlob(repository, content);
    return { ...manifest, config: config.digest, layers: contents.map(({ digest }) => digest) };
  }

  /** An image index with one image for each architecture; the images have no tags of their own. */
  addIndex(repository: string, tag: string, options: Omit<ImageOptions, 'architecture'> = {}): BuiltIndex {
    const { seed = `${repository}:${tag}`, family = 'oci' } = options;
    const build = (architecture: Architecture) =>
      this.addImage(repository, undefined, { ...options, seed: `${seed}/${architecture}`, architecture });
    const images = { amd64: build('amd64'), arm64: build('arm64') };
    const mediaType = MEDIA_TYPES[family].index;
    const manifests = Object.entries(images).map(([architecture, image]) => ({
      ...descriptorOf(image),
      platform: { architecture, os: 'linux' },
    }));
    return { ...this.addManifest(repository, tag, mediaType, { schemaVersion: 2, mediaType, manifests }), images };
  }

  /** A manifest attached to `subject`, with one blob: a signature, an SBOM. */
  addArtifact(repository: string, subject: Manifest, artifactType: string, text: string): Manifest {
    const mediaType = MEDIA_TYPES.oci.manifest;
    const empty = bytesContent(Buffer.from('{}'));
    const blob = bytesContent(Buffer.from(text));
    for (const content of [empty, blob]) this.addBlob(repository, content);
    const artifact = this.addManifest(repository, undefined, mediaType, {
      schemaVersion: 2,
      mediaType,
      artifactType,
      config: { mediaType: 'application/vnd.oci.empty.v1+json', digest: empty.digest, size: empty.size },
      layers: [{ mediaType: 'text/plain', digest: blob.digest, size: blob.size }],
      subject: descriptorOf(subject),
    });
    const listed = this.referrers.get(subject.digest) ?? [];
    this.referrers.set(subject.digest, [...listed, { ...descriptorOf(artifact), artifactType }]);
    return artifact;
  }

  /** Makes bytes fetchable as a blob of the repository, with or without a manifest that lists them. */
  addBlob(repository: string, content: Content): Content {
    this.blobs.set(content.digest, content);
    this.#repository(repository).blobs.add(content.digest);
    return content;
  }

  /** Any JSON as a manifest, for what {@link addImage} does not make. */
  addManifest(repository: string, tag: string | undefined, mediaType: string, value: object): Manifest {
    const bytes = json(value);
    const manifest = { mediaType, digest: digestOf(bytes), bytes };
    const { manifests, tags } = this.#repository(repository);
    manifests.set(manifest.digest, manifest);
    if (tag !== undefined) tags.set(tag, manifest.digest);
    return manifest;
  }

  #repository(name: string): Repository {
    const known = this.repositories.get(name) ?? { manifests: new Map(), blobs: new Set(), tags: new Map() };
    this.repositories.set(name, known);
    return known;
  }
}

const json = (value: object) => Buffer.from(JSON.stringify(value, null, 2));

const descriptorOf = ({ mediaType, digest, bytes }: Manifest) => ({ mediaType, digest, size: bytes.length });
