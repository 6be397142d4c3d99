import type { SourceRegistry } from '../images/registry-source.ts';
import type { Digest } from '../oci/digest.ts';
import type { Bandwidth, CallOptions, RegistryLister, RegistryReader, UpstreamLogin } from '../registry/registry.ts';

/** An upstream that is pulled through the cache. */
export interface CachedUpstream
  extends Pick<RegistryReader, 'getManifest' | 'openBlob'>,
    Pick<RegistryLister, 'listReferrers' | 'listTags'> {
  /** The digest of a tag, revalidated when it is not fresh. @throws {RegistryError} also when it could be served stale */
  confirmTag(
    repository: string,
    tag: string,
    options?: CallOptions & { readonly missingOnly?: boolean; readonly always?: boolean },
  ): Promise<{ readonly digest: Digest; readonly previous: Digest | undefined }>;
  /** Resolves when no fill of the blob is in progress. */
  filled(repository: string, digest: Digest): Promise<void>;
}

export interface BackgroundOptions {
  readonly registry: CachedUpstream;
  /** Stored name of the repository. */
  readonly stored: string;
  readonly class: 'sync' | 'warm';
  /** Of this work, in addition to that of all such work. */
  readonly bandwidth?: Bandwidth | undefined;
  readonly signal: AbortSignal;
  /** Of the client whose pull led to this work. Absent: any account that is for the repository. */
  readonly login?: UpstreamLogin | undefined;
  /** Links of the content are recorded as older until the returned function is called. */
  readonly fetching: (stored: string, digest: Digest) => () => void;
}

/** A repository of an upstream as background work pulls it: within the budget of its class, and without use records. */
export class BackgroundRegistry implements SourceRegistry {
  /** Manifests that were requested from the upstream. */
  spent = 0;
  readonly #options: BackgroundOptions;
  readonly #call: Pick<CallOptions, 'background' | 'bandwidth' | 'login'> & { readonly signal: AbortSignal };

  constructor(options: BackgroundOptions) {
    this.#options = options;
    const { class: background, bandwidth, login, signal } = options;
    this.#call = { background, bandwidth, login, signal };
  }

  /** @param options.missingOnly a stored tag is not revalidated */
  confirmTag(repository: string, tag: string, { missingOnly = false } = {}) {
    return this.#options.registry.confirmTag(repository, tag, { ...this.#call, missingOnly });
  }

  async getManifest(...[repository, reference]: Parameters<SourceRegistry['getManifest']>) {
    const { registry } = this.#options;
    const digest =
      reference.kind === 'digest' ? reference.digest : (await this.confirmTag(repository, reference.tag)).digest;
    const manifest = await this.#aged(digest, () =>
      registry.getManifest(repository, { kind: 'digest', digest }, this.#call),
    );
    if (manifest.outcome === 'MISS') this.spent++;
    return manifest;
  }

  openBlob(repository: string, digest: Digest) {
    return this.#options.registry.openBlob(repository, digest, this.#call);
  }

  listReferrers(...[repository, digest, query]: Parameters<SourceRegistry['listReferrers']>) {
    return this.#options.registry.listReferrers(repository, digest, query, this.#call);
  }

  listTags(...[repository, page]: Parameters<SourceRegistry['listTags']>) {
    return this.#options.registry.listTags(repository, page, this.#call);
  }

  /**
   * Has the cache store a blob.
   *
   * @param onBytes called with the bytes of each chunk
   * @returns fetched bytes; 0 when it was stored
   */
  fetchBlob(repository: string, digest: Digest, onBytes: (bytes: number) => void): Promise<number> {
    return this.#aged(digest, async () => {
      const { source, size, outcome } = await this.#opened(repository, digest);
      try {
        if (outcome === 'HIT') onBytes(size);
        else for await (const chunk of source.read({ start: 0, end: size }, this.#call)) onBytes(chunk.length);
      } finally {
        await source.close();
      }
      await unlessAborted(this.#options.registry.filled(repository, digest), this.#call.signal);
      return outcome === 'HIT' ? 0 : size;
    });
  }

  /** Opening waits for the upstream, and is shared with clients, so it does not end with the signal. */
  async #opened(repository: string, digest: Digest): ReturnType<BackgroundRegistry['openBlob']> {
    const opening = this.openBlob(repository, digest);
    try {
      return await unlessAborted(opening, this.#call.signal);
    } catch (err) {
      void opening.then(({ source }) => source.close()).catch(() => {}); // there is no source when it failed
      throw err;
    }
  }

  async #aged<T>(digest: Digest, work: () => Promise<T>): Promise<T> {
    const { fetching, stored } = this.#options;
    const done = fetching(stored, digest);
    try {
      return await work();
    } finally {
      done();
    }
  }
}

/** @throws the reason of the signal */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  let abort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason as Error);
    signal.addEventListener('abort', abort, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
