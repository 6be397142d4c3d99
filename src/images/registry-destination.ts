import type { Descriptor, ManifestDescriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { parseManifest } from '../oci/manifest.ts';
import { OCI_INDEX } from '../oci/media-types.ts';
import type { Reference } from '../oci/reference.ts';
import type { RegistryClient } from '../upstream/registry-client.ts';
import { UpstreamError } from '../upstream/upstream.ts';
import type { BlobFeed } from './blob-feed.ts';
import { ImageError } from './image-error.ts';
import type { ImageDestination } from './image-destination.ts';
import type { ImageManifest } from './image-source.ts';
import { listedManifests } from './index-json.ts';
import type { RegistryLocation } from './location.ts';

/** An image that is pushed to a registry. */
export class RegistryDestination implements ImageDestination {
  readonly name: string;
  readonly maxJobs = Infinity;
  readonly #client: RegistryClient;
  readonly #location: RegistryLocation;
  readonly #signal: AbortSignal;

  constructor(client: RegistryClient, location: RegistryLocation, { signal }: { readonly signal: AbortSignal }) {
    const { host, repository, tag, digest } = location;
    this.#client = client;
    this.#location = location;
    this.#signal = signal;
    this.name = `${host}/${repository}${tag === undefined && digest !== undefined ? `@${digest}` : `:${tag ?? 'latest'}`}`;
  }

  async hasBlob({ digest, size }: Descriptor): Promise<boolean> {
    try {
      const found = await this.#client.reader.resolveBlob(this.#location.repository, digest, { signal: this.#signal });
      return found.size === size;
    } catch (err) {
      // One that may be pushed to and not read from, or not before there is something, says so when it is pushed to.
      if (err instanceof UpstreamError && ['not-found', 'unauthorized', 'denied'].includes(err.kind)) return false;
      throw err;
    }
  }

  async putBlob(feed: BlobFeed): Promise<'copied' | 'mounted'> {
    const { digest, size } = feed.descriptor;
    const { host, repository } = this.#location;
    const from = feed.source.repository;
    const mountFrom = from?.host === host && from.name !== repository ? from.name : undefined;
    const blob = { digest, size, mountFrom, open: (start: number) => feed.open(start) };
    const how = await this.#client.pusher.pushBlob(repository, blob, { signal: feed.signal });
    return how === 'mounted' ? 'mounted' : 'copied';
  }

  async putManifest(manifest: ImageManifest): Promise<void> {
    await this.#put({ kind: 'digest', digest: manifest.digest }, manifest);
    await this.#attach(manifest);
  }

  async putRoot(manifest: ImageManifest): Promise<void> {
    const { tag, digest } = this.#location;
    if (digest !== undefined && digest !== manifest.digest) {
      throw new ImageError(`${this.name}: this image is ${manifest.digest}`);
    }
    const named: Reference =
      tag !== undefined || digest === undefined ? { kind: 'tag', tag: tag ?? 'latest' } : { kind: 'digest', digest };
    await this.#put(named, manifest);
    await this.#attach(manifest);
  }

  async commit(): Promise<void> {
    // Each thing was there as soon as it was put.
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  async #put(reference: Reference, { mediaType, bytes, digest }: ImageManifest): Promise<void> {
    const { repository } = this.#location;
    const { subject } = await this.#client.pusher.pushManifest(repository, reference, {
      mediaType,
      bytes,
      signal: this.#signal,
    });
    if (subject !== undefined) this.#attached.add(digest);
  }

  /** Manifests that the registry itself has added to the referrers of their subject. */
  readonly #attached = new Set<Digest>();

  /**
   * Where the registry has no referrers of its own, the tag schema has them.
   *
   * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#unavailable-referrers-api
   */
  async #attach({ bytes, mediaType, digest, size }: ImageManifest): Promise<void> {
    const { subject, artifactType, annotations } = parseManifest(bytes);
    if (!subject || this.#attached.has(digest)) return;
    const reference: Reference = { kind: 'tag', tag: subject.digest.replace(':', '-') };
    const listed = await this.#tagged(reference);
    if (listed.some((one) => one.digest === digest)) return;
    const entry: ManifestDescriptor = {
      mediaType,
      digest,
      size,
      ...(artifactType !== undefined && { artifactType }),
      ...(annotations && { annotations }),
    };
    const index = Buffer.from(
      JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [...listed, entry] }),
    );
    const { repository } = this.#location;
    await this.#client.pusher.pushManifest(repository, reference, {
      mediaType: OCI_INDEX,
      bytes: index,
      signal: this.#signal,
    });
  }

  async #tagged(reference: Reference): Promise<readonly ManifestDescriptor[]> {
    try {
      const { bytes } = await this.#client.reader.fetchManifest(this.#location.repository, reference, {
        signal: this.#signal,
      });
      return listedManifests(bytes, this.name);
    } catch (err) {
      if (err instanceof UpstreamError && err.kind === 'not-found') return [];
      throw err;
    }
  }
}
