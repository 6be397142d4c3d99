import type { Clock } from '../clock/clock.ts';
import type { ByteRange } from '../oci/range.ts';
import { downloadBlob, type RemoteBlob } from './blob-download.ts';

/** A range that starts at most this many bytes after the last one is read from the same response. */
const MAX_GAP_BYTES = 1024 * 1024;
/** This many requests fetch one range each; the next one fetches the rest of the blob, and later ranges are read from it. */
const MAX_BOUNDED_REQUESTS = 4;

export interface RemoteRangesOptions {
  readonly blob: RemoteBlob;
  /** Size of the blob in bytes. */
  readonly size: number;
  readonly clock: Clock;
}

interface OpenDownload {
  readonly chunks: AsyncGenerator<Uint8Array>;
  readonly closed: AbortController;
  /** Position after its last byte. */
  readonly end: number;
  /** Position of the next byte. */
  position: number;
  /** Received and not yet read. */
  left: Uint8Array | undefined;
}

/**
 * Ranges of a blob, read from its upstream for one client with few requests: a range that follows the previous one is read from the same
 * response. Not verified.
 */
export class RemoteRanges {
  readonly #options: RemoteRangesOptions;
  #open: OpenDownload | undefined;
  #requests = 0;

  constructor(options: RemoteRangesOptions) {
    this.#options = options;
  }

  /** Requests sent so far. */
  get requests(): number {
    return this.#requests;
  }

  /** Whether a range can be read without another request. */
  isNear({ start, end }: ByteRange): boolean {
    const open = this.#open;
    if (!open || start < open.position || end > open.end) return false;
    return start - open.position <= MAX_GAP_BYTES || this.#requests > MAX_BOUNDED_REQUESTS;
  }

  /** @throws {UpstreamError} */
  async *read(range: ByteRange, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    if (range.start >= range.end) return;
    if (!this.isNear(range)) this.#request(range);
    const open = this.#open as OpenDownload;
    const abort = () => open.closed.abort(signal?.reason);
    signal?.addEventListener('abort', abort, { once: true });
    try {
      for (;;) {
        const chunk = await nextOf(open);
        if (!chunk) return;
        const from = Math.max(0, range.start - open.position);
        const to = Math.min(chunk.length, range.end - open.position);
        open.position += Math.min(chunk.length, to);
        open.left = to < chunk.length ? chunk.subarray(to) : undefined;
        if (from < to) yield chunk.subarray(from, to);
        if (open.position >= range.end) return;
      }
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  close(): void {
    this.#open?.closed.abort(new Error('no more ranges are read'));
    void this.#open?.chunks.return(undefined).catch(() => {});
    this.#open = undefined;
  }

  #request({ start, end: wanted }: ByteRange): void {
    const { blob, size, clock } = this.#options;
    this.close();
    this.#requests += 1;
    const end = this.#requests > MAX_BOUNDED_REQUESTS ? size : wanted;
    const closed = new AbortController();
    const chunks = downloadBlob(blob, { start, end, size, clock, signal: closed.signal });
    this.#open = { chunks, closed, end, position: start, left: undefined };
  }
}

async function nextOf(open: OpenDownload): Promise<Uint8Array | undefined> {
  const { left } = open;
  open.left = undefined;
  if (left) return left;
  const next = await open.chunks.next();
  return next.done ? undefined : next.value;
}
