import type { RegistryError } from '../oci/errors.ts';
import { isTransient } from '../upstream/network-failure.ts';
import { UpstreamError } from '../upstream/upstream.ts';

/** Waits before the attempts after the first. Milliseconds. */
const DELAYS_MS = [200, 1_000, 3_000, 5_000];
/** The longest `Retry-After` that is honoured. Milliseconds. */
const MAX_RETRY_AFTER_MS = 60_000;

/**
 * How long to wait before a push is sent again.
 *
 * @param retry 0 before the first retry
 * @returns milliseconds; undefined when it is time to give up
 */
export function pushDelayMs({ options }: RegistryError, retry: number): number | undefined {
  const delayMs = DELAYS_MS[retry];
  const wantedMs = options.retryAfterMs ?? 0;
  return delayMs === undefined || wantedMs > MAX_RETRY_AFTER_MS ? undefined : Math.max(delayMs, wantedMs);
}

/** Whether the same request may succeed later: the registry or the network failed, the push was not refused. */
export function isTemporary({ code, cause }: RegistryError): boolean {
  if (code === 'TOOMANYREQUESTS') return true;
  if (code !== 'UNAVAILABLE') return false;
  if (!(cause instanceof UpstreamError)) return true;
  if (cause.options.status === 501) return false;
  return cause.kind === 'network' ? isTransient(cause) : cause.kind !== 'protocol';
}
