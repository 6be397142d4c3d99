import { downloadBlob } from '../fills/blob-download.ts';
import type { Digest } from '../oci/digest.ts';
import { type ByteRange, type ByteSource, checkRange, type ReadOptions } from '../stream/byte-source.ts';
import { type Upstream, UpstreamError } from '../upstream/upstream.ts';
import { toRemoteError } from './registry-error.ts';

interface RemoteBlobOptions {
  readonly upstream: Pick<Upstream, 'name' | 'openBlob'>;
  readonly repository: string;
  readonly digest: Digest;
}

/** A response whose body has not been read. */
interface Opened {
  readonly chunks: AsyncGenerator<Uint8Array>;
  /** The first chunk, which has been requested. */
  readonly first: Promise<IteratorResult<Uint8Array>>;
  readonly stop: AbortController;
}

/**
 * A blob of a remote registry. The request that opened it also serves the first read, when that begins at the first byte; every other read
 * is a request with `Range`. A broken connection is resumed where it broke. The bytes are not verified.
 */
export class RemoteBlob implements ByteSource {
  readonly size: number;
  readonly #options: RemoteBlobOptions;
  readonly #closed = new AbortController();
  #opened: Opened | undefined;

  constructor(options: RemoteBlobOptions, size: number, opened?: Opened) {
    this.#options = options;
    this.size = size;
    this.#opened = opened;
  }

  /**
   * @returns undefined when the registry does not state the size
   * @throws {UpstreamError} or the reason of the signal
   */
  static async open(options: RemoteBlobOptions, signal: AbortSignal | undefined): Promise<RemoteBlob | undefined> {
    const stop = new AbortController();
    const abort = () => stop.abort(signal?.reason);
    signal?.throwIfAborted();
    signal?.addEventListener('abort', abort, { once: true });
    try {
      const { size, opened } = await openAtStart(options, stop);
      if (size !== undefined) return new RemoteBlob(options, size, opened);
      discard(opened);
      return undefined;
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  /** @throws {RegistryError} as {@link Registry.resolveBlob} when the connection breaks and cannot be resumed */
  async *read(range: ByteRange, { signal }: ReadOptions = {}): AsyncGenerator<Uint8Array> {
    checkRange(range, this.size);
    const abort = AbortSignal.any([this.#closed.signal, ...(signal ? [signal] : [])]);
    abort.throwIfAborted();
    if (range.start === range.end) return;
    const opened = this.#takeOpened(range);
    const onAbort = () => opened?.stop.abort(abort.reason);
    abort.addEventListener('abort', onAbort, { once: true });
    try {
      yield* take(opened ? resumed(opened) : this.#download(range, abort), range.end - range.start);
    } catch (err) {
      if (abort.aborted) throw abort.reason;
      throw err instanceof UpstreamError ? toRemoteError(err, 'BLOB_UNKNOWN') : err;
    } finally {
      abort.removeEventListener('abort', onAbort);
    }
  }

  async close(): Promise<void> {
    this.#closed.abort(new Error('the blob has been closed'));
    if (this.#opened) discard(this.#opened);
    this.#opened = undefined;
  }

  /** The response that is open, if it is for this range; otherwise it is discarded. */
  #takeOpened({ start, end }: ByteRange): Opened | undefined {
    const opened = this.#opened;
    this.#opened = undefined;
    if (!opened || (start === 0 && end === this.size)) return opened;
    discard(opened);
    return undefined;
  }

  #download({ start, end }: ByteRange, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const { size } = this;
    return downloadBlob(this.#options, { start, size, signal, ...(end < size && { end }) });
  }
}

/** Resolves when the headers are in. */
function openAtStart(
  options: RemoteBlobOptions,
  stop: AbortController,
): Promise<{ readonly size: number | undefined; readonly opened: Opened }> {
  return new Promise((resolve, reject) => {
    const onOpened = (size: number | undefined) => resolve({ size, opened: { chunks, first, stop } });
    const chunks = downloadBlob(options, { start: 0, signal: stop.signal, onOpened });
    const first = chunks.next();
    // After the headers, the reader gets it.
    first.catch(reject);
  });
}

async function* resumed({ chunks, first }: Opened): AsyncGenerator<Uint8Array> {
  try {
    const head = await first;
    if (head.done === true) return;
    yield head.value;
    yield* chunks;
  } finally {
    await chunks.return(undefined);
  }
}

/** A registry that does not implement ranges sends all bytes to the end. */
async function* take(chunks: AsyncIterable<Uint8Array>, length: number): AsyncGenerator<Uint8Array> {
  let left = length;
  for await (const chunk of chunks) {
    yield chunk.subarray(0, left);
    left -= chunk.length;
    if (left <= 0) return;
  }
}

function discard({ stop, chunks }: Opened): void {
  stop.abort(new Error('the response is not read'));
  void chunks.return(undefined).catch(() => undefined);
}
