import { setTimeout as sleep } from 'node:timers/promises';

import type { Digest } from '../oci/digest.ts';
import type { ByteRange } from '../oci/range.ts';
import { type Upstream, type UpstreamBlob, UpstreamError, type UpstreamErrorKind } from '../upstream/upstream.ts';

/** A blob as its upstream knows it, as far as it is downloaded. */
export interface BlobLocation {
  readonly upstream: Pick<Upstream, 'name' | 'openBlob'>;
  /** Name at the upstream. */
  readonly repository: string;
  readonly digest: Digest;
}

/** A blob of one upstream repository. */
export interface RemoteBlob extends BlobLocation {
  readonly upstream: Pick<Upstream, 'name' | 'openBlob' | 'resolveBlob'>;
}

export interface DownloadOptions {
  /** First byte wanted. */
  readonly start: number;
  /** First byte not wanted; the rest when absent. */
  readonly end?: number;
  /** Bytes of the whole blob, where known: an upstream that says otherwise is not believed. */
  readonly size?: number;
  readonly signal?: AbortSignal;
  /** Called when the first headers are in; `size` is undefined when the upstream does not tell. */
  readonly onOpened?: (size: number | undefined) => void;
  /** Asked after a break; false ends the download. @default always true */
  readonly canResume?: () => boolean;
}

/**
 * Waits before asking again after the n-th break in a row without a byte in between. Milliseconds. Together about 15 s:
 * long enough for a load balancer to move on, short enough for a client to try again by itself.
 */
const RESUME_DELAYS_MS = [100, 300, 1_000, 3_000, 5_000, 5_000];

const WORTH_ANOTHER_TRY: readonly UpstreamErrorKind[] = ['network', 'timeout', 'unavailable', 'server', 'throttled'];

/**
 * The bytes of a blob from upstream, in order. When the connection breaks the registry is asked again for the rest, as a signed
 * CDN URL may have expired; whoever reads notices nothing.
 *
 * @throws {UpstreamError} before the first byte at once; later, when asking again has not helped
 */
export async function* downloadBlob(blob: BlobLocation, options: DownloadOptions): AsyncGenerator<Uint8Array> {
  const { end, signal } = options;
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
      throw new UpstreamError('network', `${blob.upstream.name}: answer ended at ${position} of ${size} bytes`, {
        upstream: blob.upstream.name,
      });
    } catch (err) {
      const delayMs = opened && err instanceof UpstreamError ? resumeDelayMs(err, breaks) : undefined;
      if (delayMs === undefined || options.canResume?.() === false) throw err;
      await sleep(delayMs, undefined, signal && { signal });
    }
  }
}

/** @returns milliseconds; undefined when it is time to give up */
export function resumeDelayMs(err: UpstreamError, breaks: number): number | undefined {
  if (!WORTH_ANOTHER_TRY.includes(err.kind)) return undefined;
  const delayMs = RESUME_DELAYS_MS[breaks];
  const askedMs = err.options.retryAfterMs ?? 0;
  if (delayMs === undefined || askedMs > 10_000) return undefined;
  return Math.max(delayMs, askedMs);
}

function open({ upstream, repository, digest }: BlobLocation, start: number, { end, signal }: DownloadOptions) {
  return upstream.openBlob(repository, digest, { start, ...(end !== undefined && { end }), ...(signal && { signal }) });
}

/** Drops what comes before `position`, from an upstream that does not know ranges. */
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
    const message = `${upstream.name}: ${digest} has ${known} bytes, but now the upstream says ${size}`;
    throw new UpstreamError('protocol', message, { upstream: upstream.name });
  }
  return known ?? size;
}

function tooLong({ upstream, digest }: BlobLocation, size: number): UpstreamError {
  return new UpstreamError('protocol', `${upstream.name}: more than the ${size} bytes of ${digest}`, {
    upstream: upstream.name,
  });
}

/** Whether a range is the whole of something. */
export function isWhole({ start, end }: ByteRange, size: number): boolean {
  return start === 0 && end === size;
}
