import { createHash } from 'node:crypto';

import type { Clock } from '../clock/clock.ts';
import { digestAlgorithm } from '../oci/digest.ts';
import type { ByteRange } from '../oci/range.ts';
import type { ByteSource, ReadOptions } from '../stream/byte-source.ts';
import { verifyDigest } from '../stream/verify-digest.ts';
import { downloadBlob, isWhole, type RemoteBlob } from './blob-download.ts';
import { RemoteRanges, type RemoteRangesOptions } from './remote-ranges.ts';

export interface DirectBlobOptions {
  /** Ends the opening. */
  readonly signal?: AbortSignal | undefined;
  readonly clock: Clock;
}

interface OpenedBlob extends RemoteRangesOptions {
  readonly whole: AsyncIterable<Uint8Array>;
  readonly closed: AbortController;
}

/** A blob from the upstream to one client, when there is no space to store it. The whole blob is verified, a range is not. */
export class DirectBlob implements ByteSource {
  readonly size: number;
  readonly #blob: RemoteBlob;
  readonly #closed: AbortController;
  readonly #ranges: RemoteRanges;
  /** The download that was opened to learn the size; the first read of the whole blob uses it. */
  #whole: AsyncIterable<Uint8Array> | undefined;

  private constructor(options: OpenedBlob) {
    const { blob, size, whole, closed } = options;
    this.#blob = blob;
    this.size = size;
    this.#whole = whole;
    this.#closed = closed;
    this.#ranges = new RemoteRanges(options);
  }

  /** @returns undefined when the upstream does not send the size @throws {UpstreamError} */
  static async open(blob: RemoteBlob, { signal, clock }: DirectBlobOptions): Promise<DirectBlob | undefined> {
    signal?.throwIfAborted();
    const closed = new AbortController();
    const abort = () => closed.abort(signal?.reason);
    signal?.addEventListener('abort', abort, { once: true });
    let size: number | undefined;
    const onOpened = (announced: number | undefined) => (size = announced);
    const chunks = downloadBlob(blob, { start: 0, signal: closed.signal, clock, onOpened });
    try {
      const first = await chunks.next();
      size ??= (await blob.upstream.resolveBlob(blob.repository, blob.digest)).size;
      if (size !== undefined) return new DirectBlob({ blob, size, clock, closed, whole: startingWith(first, chunks) });
    } catch (err) {
      closed.abort();
      throw err;
    } finally {
      signal?.removeEventListener('abort', abort);
    }
    closed.abort();
    return undefined;
  }

  async *read(range: ByteRange, { signal }: ReadOptions = {}): AsyncGenerator<Uint8Array> {
    const { digest } = this.#blob;
    const opened = this.#whole;
    if (opened && isWhole(range, this.size)) {
      this.#whole = undefined;
      const abort = () => this.#closed.abort(signal?.reason);
      signal?.addEventListener('abort', abort);
      yield* verifyDigest(opened, { digest, hash: createHash(digestAlgorithm(digest)), length: this.size });
    } else {
      this.#closed.abort(); // the whole blob is not read
      yield* this.#ranges.read(range, signal);
    }
  }

  async close(): Promise<void> {
    this.#closed.abort();
    this.#ranges.close();
  }
}

async function* startingWith(
  first: IteratorResult<Uint8Array>,
  rest: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  if (first.done) return;
  yield first.value;
  yield* rest;
}
