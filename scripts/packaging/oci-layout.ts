import { createHash } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { Architecture } from './architecture.ts';
import { imageConfig, type ImageFacts, labelsOf } from './image-config.ts';
import { type Layer, writeLayer } from './layer.ts';
import type { Entry } from './tree.ts';

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly platform?: { readonly architecture: Architecture; readonly os: 'linux' };
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface WrittenImage {
  readonly architecture: Architecture;
  readonly manifest: Descriptor;
  readonly config: Descriptor;
  readonly layers: readonly Layer[];
  /** Bytes that a client downloads. */
  readonly size: number;
}

/** Of all files: releases share the layers that they have in common. Seconds since 1970. */
const FILE_TIME = 0;

const MEDIA_TYPE = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
};

/**
 * A directory with images, as others can copy it to a registry.
 *
 * @see https://specs.opencontainers.org/image-spec/image-layout/
 */
export class OciLayout {
  readonly directory: string;
  readonly #facts: ImageFacts;

  private constructor(directory: string, facts: ImageFacts) {
    this.directory = directory;
    this.#facts = facts;
  }

  /** Replaces what is in the directory. */
  static async create(directory: string, facts: ImageFacts): Promise<OciLayout> {
    await rm(directory, { recursive: true, force: true });
    await mkdir(join(directory, 'blobs/sha256'), { recursive: true });
    await writeFile(join(directory, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
    return new OciLayout(directory, facts);
  }

  /** @param layers the lowest first */
  async addImage(architecture: Architecture, layers: readonly (readonly Entry[])[]): Promise<WrittenImage> {
    const written: Layer[] = [];
    for (const entries of layers) {
      written.push(await writeLayer(entries, join(this.directory, 'blobs/sha256'), FILE_TIME));
    }
    const config = await this.#addJson(MEDIA_TYPE.config, imageConfig(architecture, written, this.#facts));
    const descriptors = written.map(({ digest, size }) => ({ mediaType: MEDIA_TYPE.layer, digest, size }));
    const manifest = await this.#addJson(MEDIA_TYPE.manifest, {
      ...{ schemaVersion: 2, mediaType: MEDIA_TYPE.manifest, config, layers: descriptors },
      annotations: labelsOf(this.#facts),
    });
    const size = descriptors.reduce((sum, layer) => sum + layer.size, config.size + manifest.size);
    return { architecture, manifest, config, layers: written, size };
  }

  /** Names the images with the version as one index. @returns the index */
  async finish(images: readonly WrittenImage[]): Promise<Descriptor> {
    const manifests = images.map(({ architecture, manifest }) => ({
      ...manifest,
      platform: { architecture, os: 'linux' as const },
    }));
    const annotations = labelsOf(this.#facts);
    const content = { schemaVersion: 2, mediaType: MEDIA_TYPE.index, manifests, annotations };
    const index = await this.#addJson(MEDIA_TYPE.index, content);
    await writeFile(join(this.directory, 'index.json'), layoutIndex(index, this.#facts.version));
    return index;
  }

  async #addJson(mediaType: string, content: unknown): Promise<Descriptor> {
    const bytes = Buffer.from(JSON.stringify(content));
    const hex = createHash('sha256').update(bytes).digest('hex');
    await writeFile(join(this.directory, 'blobs/sha256', hex), bytes);
    return { mediaType, digest: `sha256:${hex}`, size: bytes.length };
  }
}

/** `index.json` of a layout with one image or image index. @param name a tag; in an archive that is loaded, with a repository */
export function layoutIndex(descriptor: Descriptor, name: string): string {
  const named = { ...descriptor, annotations: { 'org.opencontainers.image.ref.name': name } };
  return JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPE.index, manifests: [named] });
}
