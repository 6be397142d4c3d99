import { available, type Bucket, elapsed, windowOf } from './bucket.ts';
import { emptyAt, nextPullAt } from './forecast.ts';

interface PullCount {
  readonly name: string;
  readonly pulls: number;
}

const TOP = 5;

/** What people want to know about a bucket. Times in Unix milliseconds. */
export function describeBucket(bucket: Bucket, now: number) {
  const { limit, observedAt, spends } = elapsed(bucket, now);
  const count = (names: readonly string[]): PullCount[] => {
    const pulls = new Map<string, number>();
    for (const name of names) pulls.set(name, (pulls.get(name) ?? 0) + 1);
    return [...pulls].map(([name, number]) => ({ name, pulls: number })).sort((a, b) => b.pulls - a.pulls);
  };
  return {
    limit,
    windowMs: limit === undefined ? undefined : windowOf(bucket),
    left: available(bucket, now),
    asOf: observedAt,
    emptyAt: emptyAt(bucket, now),
    nextAt: nextPullAt(bucket, now),
    spent: Object.fromEntries(count(spends.map((spend) => spend.class)).map(({ name, pulls }) => [name, pulls])),
    repositories: count(spends.map(({ repository }) => repository)).slice(0, TOP),
    clients: count(spends.flatMap(({ client }) => client ?? [])).slice(0, TOP),
  };
}
