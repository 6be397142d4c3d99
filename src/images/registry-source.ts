import type { Descriptor, ManifestDescriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { RegistryError, type RegistryErrorCode } from '../oci/errors.ts';
import type { Reference } from '../oci/reference.ts';
import type { RegistryLister, RegistryReader } from '../registry/registry.ts';
import { digestTagsOf } from './digest-tags.ts';
import type { ImageManifest, ImageSource, TaggedManifest } from './image-source.ts';
import { listTagNames } from './listing.ts';
import type { RegistryLocation } from './location.ts';

/** A registry that images are copied from. */
export type SourceRegistry = Pick<RegistryReader, 'getManifest' | 'openBlob'> &
  Pick<RegistryLister, 'listReferrers' | 'listTags'> & {
    /** Absent when there are no connections to end. */
    close?(): Promise<void>;
  };

export interface RegistryImageOptions<R> {
  readonly registry: R;
  readonly location: Omit<RegistryLocation, 'kind'>;
  readonly signal: AbortSignal;
}

const ABSENT: readonly RegistryErrorCode[] = ['MANIFEST_UNKNOWN', 'NAME_UNKNOWN'];
/** A registry may have no list of tags, or not show it to everyone who may pull. */
const UNLISTED: readonly RegistryErrorCode[] = [...ABSENT, 'UNSUPPORTED', 'UNAUTHORIZED', 'DENIED'];

/** An image in a registry. */
export class RegistrySource implements ImageSource {
  readonly name: string;
  readonly tag: string | undefined;
  readonly fullName: string | undefined;
  readonly areChunksStable = false;
  readonly repository: { readonly host: string; readonly name: string };
  readonly #registry: SourceRegistry;
  readonly #reference: Reference;
  readonly #signal: AbortSignal;
  #tags: Promise<ReadonlySet<string> | undefined> | undefined;

  constructor({ registry, location, signal }: RegistryImageOptions<SourceRegistry>) {
    const { host, repository, tag, digest } = location;
    this.#registry = registry;
    this.#signal = signal;
    this.repository = { host, name: repository };
    this.tag = tag ?? (digest === undefined ? 'latest' : undefined);
    this.fullName = this.tag === undefined ? undefined : `${host}/${repository}:${this.tag}`;
    this.#reference = digest === undefined ? { kind: 'tag', tag: this.tag ?? 'latest' } : { kind: 'digest', digest };
    this.name = `${host}/${repository}${digest === undefined ? `:${this.tag}` : `@${digest}`}`;
  }

  async root(): Promise<ImageManifest> {
    return plain(await this.#manifest(this.#reference));
  }

  async manifest({ digest }: Descriptor): Promise<Buffer> {
    return (await this.#manifest({ kind: 'digest', digest })).bytes;
  }

  async *blob(
    { digest }: Descriptor,
    { start, signal }: { start: number; signal: AbortSignal },
  ): AsyncGenerator<Uint8Array> {
    const { source } = await this.#registry.openBlob(this.repository.name, digest, { signal });
    try {
      yield* source.read({ start: Math.min(start, source.size), end: source.size }, { signal });
    } finally {
      await source.close();
    }
  }

  async referrers(digest: Digest): Promise<readonly ManifestDescriptor[]> {
    const found: ManifestDescriptor[] = [];
    let last: Digest | undefined;
    do {
      const query = last === undefined ? {} : { last };
      const page = await this.#registry.listReferrers(this.repository.name, digest, query, { signal: this.#signal });
      found.push(...page.manifests);
      last = page.next;
    } while (last !== undefined);
    return found;
  }

  /** One list of tags instead of three requests for each manifest; without a list, those. */
  async digestTags(digest: Digest): Promise<readonly TaggedManifest[]> {
    this.#tags ??= this.#listTags();
    const listed = await this.#tags;
    const found: TaggedManifest[] = [];
    for (const tag of digestTagsOf(digest).filter((one) => listed?.has(one) ?? true)) {
      const manifest = await this.#manifest({ kind: 'tag', tag }).catch(undefinedFor(ABSENT));
      if (manifest) found.push({ tag, manifest: plain(manifest) });
    }
    return found;
  }

  async close(): Promise<void> {
    await this.#registry.close?.();
  }

  async #listTags(): Promise<ReadonlySet<string> | undefined> {
    const { host, name: repository } = this.repository;
    const tags = await listTagNames(this.#registry, { host, repository }, { signal: this.#signal }).catch(
      undefinedFor(UNLISTED),
    );
    return tags && new Set(tags);
  }

  #manifest(reference: Reference) {
    return this.#registry.getManifest(this.repository.name, reference, { signal: this.#signal });
  }
}

function plain({ mediaType, digest, size, bytes }: ImageManifest): ImageManifest {
  return { mediaType, digest, size, bytes };
}

function undefinedFor(codes: readonly RegistryErrorCode[]): (err: unknown) => undefined {
  return (err) => {
    if (!(err instanceof RegistryError && codes.includes(err.code))) throw err;
  };
}
