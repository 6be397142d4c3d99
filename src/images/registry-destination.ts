import { pushBlob } from '../client/push-blob.ts';
import { pushManifest } from '../client/push-manifest.ts';
import type { Descriptor, ManifestDescriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { RegistryError, type RegistryErrorCode } from '../oci/errors.ts';
import { parseManifest } from '../oci/manifest.ts';
import { OCI_INDEX } from '../oci/media-types.ts';
import type { Reference } from '../oci/reference.ts';
import type { RegistryReader, RegistryWriter } from '../registry/registry.ts';
import type { BlobFeed } from './blob-feed.ts';
import { ImageError } from './image-error.ts';
import type { ImageDestination } from './image-destination.ts';
import type { ImageManifest } from './image-source.ts';
import { listedManifests } from './index-json.ts';
import type { RegistryLocation } from './location.ts';
import type { RegistryImageOptions } from './registry-source.ts';

/** A registry that images are copied to. */
export type DestinationRegistry = Pick<RegistryReader, 'getManifest' | 'resolveBlob'> &
  RegistryWriter & {
    /** Absent when there are no connections to end. */
    close?(): Promise<void>;
  };

/** A registry may allow pushes and no pulls, or no pulls before the first push: then only the push shows whether it is allowed. */
const MAYBE_ABSENT: readonly RegistryErrorCode[] = ['BLOB_UNKNOWN', 'NAME_UNKNOWN', 'UNAUTHORIZED', 'DENIED'];
const ABSENT: readonly RegistryErrorCode[] = ['MANIFEST_UNKNOWN', 'NAME_UNKNOWN'];

/** An image that is pushed to a registry. */
export class RegistryDestination implements ImageDestination {
  readonly name: string;
  readonly maxJobs = Infinity;
  readonly #registry: DestinationRegistry;
  readonly #location: Omit<RegistryLocation, 'kind'>;
  readonly #signal: AbortSignal;
  /** Manifests that the registry itself has added to the referrers of their subject. */
  readonly #attached = new Set<Digest>();

  constructor({ registry, location, signal }: RegistryImageOptions<DestinationRegistry>) {
    const { host, repository, tag, digest } = location;
    this.#registry = registry;
    this.#location = location;
    this.#signal = signal;
    this.name = `${host}/${repository}${tag === undefined && digest !== undefined ? `@${digest}` : `:${tag ?? 'latest'}`}`;
  }

  async hasBlob({ digest, size }: Descriptor): Promise<boolean> {
    try {
      const found = await this.#registry.resolveBlob(this.#location.repository, digest, { signal: this.#signal });
      return found.size === size;
    } catch (err) {
      if (isOneOf(err, MAYBE_ABSENT)) return false;
      throw err;
    }
  }

  async putBlob(feed: BlobFeed): Promise<'copied' | 'mounted'> {
    const { digest, size } = feed.descriptor;
    const { host, repository } = this.#location;
    const from = feed.source.repository;
    const mountFrom = from?.host === host && from.name !== repository ? from.name : undefined;
    const { areChunksStable } = feed.source;
    const blob = { repository, digest, size, mountFrom, areChunksStable, open: (start: number) => feed.open(start) };
    const how = await pushBlob(this.#registry, blob, { signal: feed.signal });
    return how === 'mounted' ? 'mounted' : 'copied';
  }

  async putManifest(manifest: ImageManifest): Promise<void> {
    await this.#put({ kind: 'digest', digest: manifest.digest }, manifest);
    await this.#attach(manifest);
  }

  async putTag(manifest: ImageManifest, tag: string): Promise<void> {
    await this.#put({ kind: 'tag', tag }, manifest);
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
    // Everything is visible as soon as it is put.
  }

  async close(): Promise<void> {
    await this.#registry.close?.();
  }

  async #put(reference: Reference, { mediaType, bytes, digest }: ImageManifest): Promise<void> {
    const { repository } = this.#location;
    const manifest = { repository, bytes, mediaType, reference, tags: [] };
    const { subject } = await pushManifest(this.#registry, manifest, { signal: this.#signal });
    if (subject !== undefined) this.#attached.add(digest);
  }

  /**
   * Updates the tag schema, where the registry has no referrers API.
   *
   * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#unavailable-referrers-api
   */
  async #attach({ bytes: own, mediaType, digest, size }: ImageManifest): Promise<void> {
    const { subject, artifactType, annotations } = parseManifest(own);
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
    const index = { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [...listed, entry] };
    const bytes = Buffer.from(JSON.stringify(index));
    const { repository } = this.#location;
    const manifest = { repository, bytes, mediaType: OCI_INDEX, reference, tags: [] };
    await pushManifest(this.#registry, manifest, { signal: this.#signal });
  }

  async #tagged(reference: Reference): Promise<readonly ManifestDescriptor[]> {
    try {
      const { repository } = this.#location;
      const { bytes } = await this.#registry.getManifest(repository, reference, { signal: this.#signal });
      return listedManifests(bytes, this.name);
    } catch (err) {
      if (isOneOf(err, ABSENT)) return [];
      throw err;
    }
  }
}

function isOneOf(err: unknown, codes: readonly RegistryErrorCode[]): boolean {
  return err instanceof RegistryError && codes.includes(err.code);
}
