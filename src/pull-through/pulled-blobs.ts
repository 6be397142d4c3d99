import type { BlobStore } from '../content/blobs.ts';
import type { StoredBytes } from '../content/stored-bytes.ts';
import { type Descriptor, OCTET_STREAM } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { RegistryError } from '../oci/errors.ts';
import type { ByteSource } from '../stream/byte-source.ts';
import type { Upstream } from '../upstream/upstream.ts';
import type { FillRequest, Fills } from '../fills/fills.ts';
import type { Found, PulledRepository } from './pulled-manifests.ts';
import type { HeldBlob } from '../registry/held-content.ts';
import type { ContentRefusals } from '../registry/refusals.ts';
import type { CallOptions, OpenBlob, UpstreamLogin } from '../registry/registry.ts';
import { SingleFlight } from './single-flight.ts';
import type { ContentCache } from '../content/content-cache.ts';
import { loginKey, upstreamCallOptions, withLogin } from './upstream-call-options.ts';
import { UpstreamSource } from './upstream-source.ts';

export interface PulledBlobsOptions {
  readonly upstream: Upstream;
  readonly content: ContentCache;
  readonly store: { readonly blobs: Pick<BlobStore, 'link'>; readonly bytes: Pick<StoredBytes, 'has' | 'open'> };
  readonly fills: Fills;
  readonly offline: boolean;
  /** Content that is neither served nor fetched. */
  readonly refusals: ContentRefusals;
}

/** A fill can end before it is followed; the blob is in storage at the next attempt. */
const MAX_ATTEMPTS = 5;

/** The blobs of one upstream: from storage, or from a fill. */
export class PulledBlobs {
  readonly #options: PulledBlobsOptions;
  readonly #confirming = new SingleFlight<void>();

  constructor(options: PulledBlobsOptions) {
    this.#options = options;
  }

  /** Without I/O. */
  held(repository: PulledRepository, digest: Digest): HeldBlob | undefined {
    if (this.#options.refusals.ofDigest(repository.stored, digest)) return undefined;
    const blob = this.#options.content.blobInMemory(repository.stored, digest);
    return blob && { ...describe(digest, blob.size), source: blob.source };
  }

  /**
   * Downloads the blob only when its size is not available otherwise.
   *
   * @throws {UpstreamError} · {RegistryError} `BLOB_UNKNOWN` when offline and not cached
   */
  async resolve(repository: PulledRepository, digest: Digest, options?: CallOptions): Promise<Found<Descriptor>> {
    const { content, upstream } = this.#options;
    this.#throwIfRefused(repository, digest);
    const stored = await content.blobSize(repository.stored, digest);
    if (stored !== undefined) return { content: describe(digest, stored), outcome: 'HIT', isFromUpstream: false };
    this.#assertOnline(repository, digest);
    const { size } = await upstream.resolveBlob(repository.remote, digest, upstreamCallOptions(options));
    if (size !== undefined) return { content: describe(digest, size), outcome: 'MISS', isFromUpstream: true };
    const { content: blob, ...found } = await this.open(repository, digest, options);
    await blob.source.close();
    return { ...found, content: describe(digest, blob.size) };
  }

  /** The caller closes the source. @throws {UpstreamError} · {RegistryError} `BLOB_UNKNOWN` when offline and not cached */
  async open(repository: PulledRepository, digest: Digest, options?: CallOptions): Promise<Found<OpenBlob>> {
    const { content, fills, upstream } = this.#options;
    this.#throwIfRefused(repository, digest);
    const login = options?.login;
    const blob = { upstream: withLogin(upstream, login), repository: repository.remote, digest };
    const confirm = once(() => this.#confirm(repository, digest, login));
    for (let attempts = 0; attempts < MAX_ATTEMPTS; attempts++) {
      // Before the look in storage: a fill that ends in between has stored the blob by then.
      const running = fills.find(blob);
      const stored = await content.openBlob(repository.stored, digest);
      if (stored) return { content: opened(digest, stored), outcome: 'HIT', isFromUpstream: false };
      if (running?.ended && running.admits(repository.stored)) continue;
      const elsewhere = await this.#openFromElsewhere(repository, digest, { blob, confirm });
      if (elsewhere) return { content: opened(digest, elsewhere), outcome: 'HIT', isFromUpstream: true };
      this.#assertOnline(repository, digest);
      const { signal, background, bandwidth } = options ?? {};
      const isBackground = background !== undefined;
      const filled = await fills.open({ blob, stored: repository.stored, confirm, signal, isBackground, bandwidth });
      if (!filled) continue;
      const source = new UpstreamSource(filled.source, upstream.name);
      return { content: opened(digest, source), outcome: filled.outcome, isFromUpstream: true };
    }
    throw new RegistryError('UNAVAILABLE', `${digest} is removed from storage as soon as it is stored`);
  }

  /** Resolves when no fill of the blob is in progress. */
  async filled(repository: PulledRepository, digest: Digest): Promise<void> {
    const { fills, upstream } = this.#options;
    await fills.ended({ upstream, repository: repository.remote, digest });
  }

  /**
   * The same bytes may be stored for another repository. They are not fetched again, but the upstream must confirm that this repository has
   * them too: else knowing a digest would be enough to read a private layer.
   *
   * @returns undefined when they are not in storage
   * @throws {UpstreamError} when the upstream does not confirm it
   */
  async #openFromElsewhere(
    repository: PulledRepository,
    digest: Digest,
    { blob, confirm }: Pick<FillRequest, 'blob' | 'confirm'>,
  ): Promise<ByteSource | undefined> {
    const { store, fills } = this.#options;
    if (fills.find(blob)?.admits(repository.stored) || !(await this.#isStored(digest))) return undefined;
    await confirm();
    if (!(await this.#isStored(digest))) return undefined;
    // When a full disk takes no link, the bytes are still readable.
    await store.blobs.link(repository.stored, digest).catch(() => {});
    return store.bytes.open(digest);
  }

  /** A stored manifest of the repository proves it; otherwise one query to the upstream, shared by all waiting requests. */
  async #confirm(repository: PulledRepository, digest: Digest, login: UpstreamLogin | undefined): Promise<void> {
    const { content, upstream } = this.#options;
    if (content.isReferenced(repository.stored, digest)) return;
    this.#assertOnline(repository, digest);
    const query = async () => void (await withLogin(upstream, login).resolveBlob(repository.remote, digest));
    await this.#confirming.run(`${loginKey(login)}${repository.stored}@${digest}`, query).result;
  }

  async #isStored(digest: Digest): Promise<boolean> {
    const { content, store } = this.#options;
    return !content.isDamaged(digest) && store.bytes.has(digest);
  }

  #throwIfRefused({ stored }: PulledRepository, digest: Digest): void {
    const refusal = this.#options.refusals.ofDigest(stored, digest);
    if (refusal) throw refusal;
  }

  #assertOnline(repository: PulledRepository, digest: Digest): void {
    if (!this.#options.offline) return;
    throw new RegistryError(
      'BLOB_UNKNOWN',
      `${repository.remote}@${digest} is not cached, and this registry is offline`,
    );
  }
}

function opened(digest: Digest, source: ByteSource): OpenBlob {
  return { ...describe(digest, source.size), source };
}

function describe(digest: Digest, size: number): Descriptor {
  return { digest, size, mediaType: OCTET_STREAM };
}

/** Calls at most once, also when the call fails. */
function once<T>(call: () => Promise<T>): () => Promise<T> {
  let called: Promise<T> | undefined;
  return () => (called ??= call());
}
