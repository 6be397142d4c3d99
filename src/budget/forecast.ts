import { available, type Bucket, elapsed, windowOf } from './bucket.ts';

/** The pace of spending is that of this time. Milliseconds. */
const PACE_MS = 30 * 60_000;

/** When a pull is available next. Absent when one is now, or nothing shows when. */
export function nextPullAt(bucket: Bucket, now: number, above = 0): number | undefined {
  const left = available(bucket, now);
  if (left === undefined || left > above) return undefined;
  const { limit, spends, emptyUntil, observedAt } = elapsed(bucket, now);
  if (limit === undefined) return emptyUntil !== undefined && emptyUntil > now ? emptyUntil : undefined;
  const window = windowOf(bucket);
  // The pull that leaves the window makes one available, the n-th makes n.
  const leaving = spends[above - left];
  const returns = leaving ? leaving.at + window : observedAt && observedAt + window;
  return emptyUntil !== undefined && emptyUntil > now ? Math.max(emptyUntil, above > 0 ? (returns ?? 0) : 0) : returns;
}

/** When the bucket is empty at the pace of the last half hour. Absent when it will not be within its window. */
export function emptyAt(bucket: Bucket, now: number): number | undefined {
  const start = available(bucket, now);
  if (start === undefined) return undefined;
  if (start === 0) return now;
  const { spends } = elapsed(bucket, now);
  const recent = spends.filter(({ at }) => at > now - PACE_MS).length;
  if (recent === 0) return undefined;
  const window = windowOf(bucket);
  let left = start;
  let from = now;
  for (const end of [...spends.map(({ at }) => at + window), now + window]) {
    const needed = ((end - from) * recent) / PACE_MS;
    if (needed >= left) return Math.round(from + (left / recent) * PACE_MS);
    left += 1 - needed;
    from = end;
  }
  return undefined;
}
