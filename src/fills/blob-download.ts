import { type Clock, SYSTEM_CLOCK } from '../clock/clock.ts';
import type { Digest } from '../oci/digest.ts';
import type { ByteRange } from '../oci/range.ts';
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

/**
 * The bytes of a blob from the upstream, in order. When the connection breaks, the rest is requested from the registry again, as a signed
 * CDN URL may have expired; the reader does not notice.
 *
 * @throws {UpstreamError} before the first byte immediately; later, when the retries have failed
 */
export async function* downloadBlob(blob: BlobLocation, options: DownloadOptions): AsyncGenerator<Uint8Array> {
  const { end, signal, clock = SYSTEM_CLOCK } = options;
  let { start: position, size } = options;
  let opened = false;
  for (let breaks = 0; ; breaks++) {
    try {
      const part = await open(blob, position, options);
      size = agreedSize(blob, size, part);
      if (!opened) options.onOpened?.(size);
      opened = true;
      for await (const chunk of bodyFrom(part, position)) {
        position += chunk.length;
        if (size !== undefined && position > size) throw tooLong(blob, size);
        breaks = 0;
        yield chunk;
      }
      if (size === undefined || position >= (end ?? size)) return;
      throw new UpstreamError('network', `${blob.upstream.name}: response ended at ${position} of ${size} bytes`, {
        upstream: blob.upstream.name,
      });
    } catch (err) {
      const delayMs = opened && err instanceof UpstreamError ? resumeDelayMs(err, breaks) : undefined;
      if (delayMs === undefined || options.canResume?.() === false) throw err;
      await clock.sleep(delayMs, { signal });
    }
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

function open({ upstream, repository, digest }: BlobLocation, start: number, { end, signal }: DownloadOptions) {
  return upstream.openBlob(repository, digest, { start, ...(end !== undefined && { end }), ...(signal && { signal }) });
}

/** Skips the bytes before `position`, from an upstream that does not support ranges. */
async function* bodyFrom({ body, start }: UpstreamBlob, position: number): AsyncGenerator<Uint8Array> {
  let toSkip = position - start;
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    if (toSkip >= chunk.length) toSkip -= chunk.length;
    else {
      yield toSkip === 0 ? chunk : chunk.subarray(toSkip);
      toSkip = 0;
    }
  }
}

/** @throws {UpstreamError} `protocol`; the body is destroyed then */
function agreedSize({ upstream, digest }: BlobLocation, known: number | undefined, { size, body }: UpstreamBlob) {
  if (known !== undefined && size !== undefined && known !== size) {
    body.on('error', () => undefined).destroy();
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
