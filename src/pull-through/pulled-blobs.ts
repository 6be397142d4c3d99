import type { BlobStore } from '../content/blobs.ts';
import type { StoredBytes } from '../content/stored-bytes.ts';
import { type Descriptor, OCTET_STREAM } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { RegistryError } from '../oci/errors.ts';
import type { ByteSource } from '../stream/byte-source.ts';
import type { Upstream } from '../upstream/upstream.ts';
import type { FillRequest, Fills } from '../fills/fills.ts';
import type { Found, PulledRepository } from './pulled-manifests.ts';
import type { CallOptions, OpenBlob } from '../registry/registry.ts';
import { SingleFlight } from './single-flight.ts';
import type { ContentCache } from '../content/content-cache.ts';
import { upstreamCallOptions } from './upstream-call-options.ts';
import { UpstreamSource } from './upstream-source.ts';

export interface PulledBlobsOptions {
  readonly upstream: Upstream;
  readonly content: ContentCache;
  readonly store: { readonly blobs: Pick<BlobStore, 'link'>; readonly bytes: Pick<StoredBytes, 'has' | 'open'> };
  readonly fills: Fills;
  readonly offline: boolean;
}

/** A fill can end between being found and being followed; the content is then there at the next look. */
const MAX_LOOKS = 5;

/** The blobs of one upstream: from storage, or from a fill. */
export class PulledBlobs {
  readonly #options: PulledBlobsOptions;
  readonly #confirming = new SingleFlight<void>();

  constructor(options: PulledBlobsOptions) {
    this.#options = options;
  }

  /**
   * Downloads it only when nothing else tells its size.
   *
   * @throws {UpstreamError} · {RegistryError} `BLOB_UNKNOWN` when offline and not cached
   */
  async resolve(repository: PulledRepository, digest: Digest, options?: CallOptions): Promise<Found<Descriptor>> {
    const { content, upstream } = this.#options;
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
    const blob = { upstream, repository: repository.remote, digest };
    const confirm = once(() => this.#confirm(repository, digest));
    for (let look = 0; look < MAX_LOOKS; look++) {
      // Looked for before storage is: what ends meanwhile is in storage by then.
      const underWay = fills.find(blob);
      const stored = await content.openBlob(repository.stored, digest);
      if (stored) return { content: opened(digest, stored), outcome: 'HIT', isFromUpstream: false };
      if (underWay?.ended && underWay.admits(repository.stored)) continue;
      const elsewhere = await this.#openFromElsewhere(repository, digest, { blob, confirm });
      if (elsewhere) return { content: opened(digest, elsewhere), outcome: 'HIT', isFromUpstream: true };
      this.#assertOnline(repository, digest);
      const filled = await fills.open({ blob, stored: repository.stored, confirm, signal: options?.signal });
      if (!filled) continue;
      const source = new UpstreamSource(filled.source, upstream.name);
      return { content: opened(digest, source), outcome: filled.outcome, isFromUpstream: true };
    }
    throw new RegistryError('UNAVAILABLE', `${digest} vanishes from storage as soon as it is there`);
  }

  /**
   * The same bytes may be here already for another repository. They are not fetched again, but only the upstream can say that this
   * repository has them too: else knowing a digest would be enough to read a private layer.
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
    // A disk that takes not even the link still has the bytes.
    await store.blobs.link(repository.stored, digest).catch(() => {});
    return store.bytes.open(digest);
  }

  /** A manifest that we have for the repository proves it, or the upstream is asked, once for all who wait. */
  async #confirm(repository: PulledRepository, digest: Digest): Promise<void> {
    const { content, upstream } = this.#options;
    if (content.isReferenced(repository.stored, digest)) return;
    this.#assertOnline(repository, digest);
    const ask = async () => void (await upstream.resolveBlob(repository.remote, digest));
    await this.#confirming.run(`${repository.stored}@${digest}`, ask).result;
  }

  async #isStored(digest: Digest): Promise<boolean> {
    const { content, store } = this.#options;
    return !content.isDamaged(digest) && store.bytes.has(digest);
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

/** Asks at most once, whatever the answer. */
function once<T>(ask: () => Promise<T>): () => Promise<T> {
  let asked: Promise<T> | undefined;
  return () => (asked ??= ask());
}
