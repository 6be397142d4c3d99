export interface BackoffPolicy {
  /** Consecutive failures before the first wait. */
  readonly threshold: number;
  readonly backoffMs: number;
  readonly maxBackoffMs: number;
}

/**
 * How long to wait before an event is sent again. Below the threshold there is no wait, as in distribution. From there on, the wait starts
 * at `backoffMs` and doubles up to the maximum.
 *
 * @param failures consecutive ones, at least 1
 * @returns milliseconds
 */
export function backoffMs(failures: number, { threshold, backoffMs: first, maxBackoffMs }: BackoffPolicy): number {
  if (failures < threshold) return 0;
  return Math.min(first * 2 ** Math.min(failures - threshold, 30), maxBackoffMs);
}
