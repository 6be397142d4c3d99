import { type Clock, SYSTEM_CLOCK } from '../clock/clock.ts';
import type { Digest } from '../oci/digest.ts';
import type { ByteRange } from '../oci/range.ts';
import { type ByteReader, chunksOf } from '../stream/byte-reader.ts';
import { type Upstream, type UpstreamBlob, UpstreamError, type UpstreamErrorKind } from '../upstream/upstream.ts';

/** A blob at an upstream. */
export interface BlobLocation {
  readonly upstream: Pick<Upstream, 'name' | 'openBlob'>;
  /** Name at the upstream. */
  readonly repository: string;
  readonly digest: Digest;
}

/** A blob of one upstream repository, which can also be described. */
export interface RemoteBlob extends BlobLocation {
  readonly upstream: Pick<Upstream, 'name' | 'openBlob' | 'resolveBlob'>;
}

export interface DownloadOptions {
  /** Position of the first byte. */
  readonly start: number;
  /** Position after the last byte. @default the end of the blob */
  readonly end?: number;
  /** Size of the blob in bytes, when known: a response with another one is an error. */
  readonly size?: number;
  readonly signal?: AbortSignal;
  /** Called with the first headers; `size` is undefined when the upstream does not send one. */
  readonly onOpened?: (size: number | undefined) => void;
  /** Called after a break; false ends the download. @default always true */
  readonly canResume?: () => boolean;
  /** For the waits after breaks. @default the clock of the system */
  readonly clock?: Pick<Clock, 'sleep'> | undefined;
}

/**
 * Waits before the next request, after the n-th break in a row without a byte in between. Milliseconds. Together about 15 s:
 * long enough for a load balancer to fail over, short enough for clients, which retry after a while.
 */
const RESUME_DELAYS_MS = [100, 300, 1_000, 3_000, 5_000, 5_000];

const RETRYABLE: readonly UpstreamErrorKind[] = ['network', 'timeout', 'unavailable', 'server', 'throttled'];

/** Buffer of one download that is read as chunks. */
const CHUNK_BYTES = 64 * 1024;

/**
 * The bytes of a blob as chunks, each of them valid only until the next one is requested.
 *
 * @throws as {@link BlobDownload.read}
 */
export async function* downloadBlob(blob: BlobLocation, options: DownloadOptions): AsyncGenerator<Uint8Array> {
  const { start, end = Infinity } = options;
  const buffer = Buffer.allocUnsafe(Math.max(Math.min(end - start, CHUNK_BYTES), 1));
  yield* chunksOf(new BlobDownload(blob, options), buffer);
}

/**
 * The bytes of a blob from the upstream, in order. When the connection breaks, the rest is requested from the registry again, as a signed
 * CDN URL may have expired; the reader does not notice.
 */
export class BlobDownload implements ByteReader {
  readonly #blob: BlobLocation;
  readonly #options: DownloadOptions;
  readonly #closed = new AbortController();
  /** Ends requests and waits. */
  readonly #signal: AbortSignal;
  /** The response that is being read. */
  #part: UpstreamBlob | undefined;
  /** Bytes at the front of the part that were received before, from an upstream that does not support ranges. */
  #toSkip = 0;
  #position: number;
  #size: number | undefined;
  #opened = false;
  #breaks = 0;
  #ended = false;

  constructor(blob: BlobLocation, options: DownloadOptions) {
    this.#blob = blob;
    this.#options = options;
    this.#position = options.start;
    this.#size = options.size;
    const { signal: closed } = this.#closed;
    this.#signal = options.signal ? AbortSignal.any([options.signal, closed]) : closed;
  }

  /** @throws {UpstreamError} before the first byte immediately; later, when the retries have failed; or the reason of the signal */
  async read(into: Uint8Array): Promise<number> {
    const { clock = SYSTEM_CLOCK } = this.#options;
    while (!this.#ended) {
      this.#signal.throwIfAborted();
      try {
        const length = await this.#receive(into);
        if (length > 0) return length;
        this.#finish();
      } catch (err) {
        this.#closePart();
        const delayMs = this.#signal.aborted ? undefined : this.#delayMs(err);
        if (delayMs === undefined) throw err;
        await clock.sleep(delayMs, { signal: this.#signal });
        this.#breaks++;
      }
    }
    return 0;
  }

  close(): void {
    this.#closed.abort(new Error('the download has been closed'));
    this.#closePart();
  }

  /** @returns 0 at the end of a response */
  async #receive(into: Uint8Array): Promise<number> {
    const { body } = this.#part ?? (await this.#open());
    for (;;) {
      const length = await body.read(into);
      const skipped = Math.min(this.#toSkip, length);
      this.#toSkip -= skipped;
      if (length > 0 && skipped === length) continue;
      if (skipped > 0) into.copyWithin(0, skipped, length);
      return this.#took(length - skipped);
    }
  }

  #took(length: number): number {
    this.#position += length;
    if (this.#size !== undefined && this.#position > this.#size) throw tooLong(this.#blob, this.#size);
    if (length > 0) this.#breaks = 0;
    return length;
  }

  async #open(): Promise<UpstreamBlob> {
    const { end, onOpened } = this.#options;
    const { upstream, repository, digest } = this.#blob;
    const start = this.#position;
    const range = { start, ...(end !== undefined && { end }) };
    const part = await upstream.openBlob(repository, digest, { ...range, signal: this.#signal });
    this.#part = part;
    this.#signal.throwIfAborted(); // the caller's memory must not be written any more
    this.#size = agreedSize(this.#blob, this.#size, part);
    this.#toSkip = start - part.start;
    if (!this.#opened) onOpened?.(this.#size);
    this.#opened = true;
    return part;
  }

  /** @throws {UpstreamError} when the response ended before the last byte */
  #finish(): void {
    const { name } = this.#blob.upstream;
    this.#ended = this.#size === undefined || this.#position >= (this.#options.end ?? this.#size);
    if (this.#ended) return;
    const message = `${name}: response ended at ${this.#position} of ${this.#size} bytes`;
    throw new UpstreamError('network', message, { upstream: name });
  }

  /** Milliseconds until the next request; undefined when the download has failed. */
  #delayMs(err: unknown): number | undefined {
    const delayMs = this.#opened && err instanceof UpstreamError ? resumeDelayMs(err, this.#breaks) : undefined;
    return delayMs === undefined || this.#options.canResume?.() === false ? undefined : delayMs;
  }

  #closePart(): void {
    this.#part?.body.close();
    this.#part = undefined;
  }
}

/** @returns milliseconds; undefined when there is no further retry */
export function resumeDelayMs(err: UpstreamError, breaks: number): number | undefined {
  if (!RETRYABLE.includes(err.kind)) return undefined;
  const delayMs = RESUME_DELAYS_MS[breaks];
  const retryAfterMs = err.options.retryAfterMs ?? 0;
  if (delayMs === undefined || retryAfterMs > 10_000) return undefined;
  return Math.max(delayMs, retryAfterMs);
}

/** @throws {UpstreamError} `protocol` */
function agreedSize({ upstream, digest }: BlobLocation, known: number | undefined, { size }: UpstreamBlob) {
  if (known !== undefined && size !== undefined && known !== size) {
    const message = `${upstream.name}: ${digest} has ${known} bytes, but the upstream now announces ${size}`;
    throw new UpstreamError('protocol', message, { upstream: upstream.name });
  }
  return known ?? size;
}

function tooLong({ upstream, digest }: BlobLocation, size: number): UpstreamError {
  return new UpstreamError('protocol', `${upstream.name}: more than the ${size} bytes of ${digest}`, {
    upstream: upstream.name,
  });
}

/** Whether a range covers the whole blob. */
export function isWhole({ start, end }: ByteRange, size: number): boolean {
  return start === 0 && end === size;
}
