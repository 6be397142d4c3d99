export interface BackoffPolicy {
  /** Failures in a row before there is a wait. */
  readonly threshold: number;
  readonly backoffMs: number;
  readonly maxBackoffMs: number;
}

/**
 * How long to wait before an event is sent again: not at all below the threshold, then as long as distribution, and twice as
 * long each time up to a limit.
 *
 * @param failures in a row, at least 1
 * @returns milliseconds
 */
export function backoffMs(failures: number, { threshold, backoffMs: first, maxBackoffMs }: BackoffPolicy): number {
  if (failures < threshold) return 0;
  return Math.min(first * 2 ** Math.min(failures - threshold, 30), maxBackoffMs);
}
