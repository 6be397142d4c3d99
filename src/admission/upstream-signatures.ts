import type { TaggedManifest } from '../images/image-source.ts';
import type { Descriptor, ManifestDescriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { OfflineError, RegistryError, type RegistryErrorCode } from '../oci/errors.ts';
import type { RegistryLister, RegistryReader, Served, UpstreamLogin } from '../registry/registry.ts';
import type { SignatureSource } from '../signatures/find-signatures.ts';

/** A registry that signatures are fetched from. */
export type SigningRegistry = Pick<RegistryReader, 'getManifest' | 'openBlob'> & Pick<RegistryLister, 'listReferrers'>;

export interface UpstreamSignaturesOptions {
  readonly registry: SigningRegistry;
  /** Its name in the registry. */
  readonly repository: string;
  readonly signal: AbortSignal;
  /** Private repositories are read with that of the client. */
  readonly login?: UpstreamLogin | undefined;
}

const ABSENT: readonly RegistryErrorCode[] = ['MANIFEST_UNKNOWN', 'NAME_UNKNOWN'];

/** The signatures of a repository, through the cache: they stay available while the upstream is not. */
export class UpstreamSignatures implements SignatureSource {
  readonly name: string;
  readonly #options: UpstreamSignaturesOptions;
  #isOutdated = false;

  constructor(options: UpstreamSignaturesOptions) {
    this.#options = options;
    this.name = options.repository;
  }

  /** The upstream failed, and signatures may be missing. */
  get isOutdated(): boolean {
    return this.#isOutdated;
  }

  async digestTags(digest: Digest): Promise<readonly TaggedManifest[]> {
    const tag = `${digest.replace(':', '-')}.sig`;
    const { registry, repository, signal, login } = this.#options;
    const found = await orAbsent(registry.getManifest(repository, { kind: 'tag', tag }, { signal, login }));
    if (!found) return [];
    const { mediaType, digest: own, size, bytes } = this.#noted(found);
    return [{ tag, manifest: { mediaType, digest: own, size, bytes } }];
  }

  async referrers(digest: Digest): Promise<readonly ManifestDescriptor[]> {
    const { registry, repository, signal, login } = this.#options;
    const found: ManifestDescriptor[] = [];
    for (let last: Digest | undefined; ; ) {
      const page = await orAbsent(registry.listReferrers(repository, digest, last ? { last } : {}, { signal, login }));
      if (!page) return found;
      found.push(...this.#noted(page).manifests);
      if (page.next === undefined) return found;
      last = page.next;
    }
  }

  async manifest({ digest }: Descriptor): Promise<Buffer> {
    const { registry, repository, signal, login } = this.#options;
    return (await registry.getManifest(repository, { kind: 'digest', digest }, { signal, login })).bytes;
  }

  async *blob(
    { digest }: Descriptor,
    { start, signal }: { readonly start: number; readonly signal: AbortSignal },
  ): AsyncGenerator<Uint8Array> {
    const { registry, repository, login } = this.#options;
    const { source } = await registry.openBlob(repository, digest, { signal, login });
    try {
      yield* source.read({ start: Math.min(start, source.size), end: source.size }, { signal });
    } finally {
      await source.close();
    }
  }

  #noted<T>(served: Served<T>): Served<T> {
    if (served.outcome === 'STALE') this.#isOutdated = true;
    return served;
  }
}

async function orAbsent<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found;
  } catch (err) {
    if (err instanceof OfflineError || (err instanceof RegistryError && ABSENT.includes(err.code))) return undefined;
    throw err;
  }
}
