/** As Go's `time.Duration` can parse it, which is what distribution writes here. */
export function formatDuration(durationMs: number): string {
  return `${Math.round(durationMs * 1000) / 1000}ms`;
}
