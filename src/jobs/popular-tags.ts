import type { PullLog } from '../operations/pull-log.ts';

export interface PopularityRule {
  /** At most so many tags. */
  readonly top: number;
  /** Requests, at least. */
  readonly uses: number;
  /** Milliseconds. */
  readonly withinMs: number;
}

/** A tag of an upstream, by its stored name. */
export interface PopularTag {
  readonly stored: string;
  readonly tag: string;
}

const PAGE = 1_000;

/** The tags that clients requested most, from the record of pulls. @throws {ControlError} when it cannot be read */
export async function findPopularTags(pulls: PullLog, rule: PopularityRule, now: number): Promise<PopularTag[]> {
  const requests = new Map<string, number>();
  let cursor: string | undefined;
  do {
    const page = await pulls.findPulls({ since: Math.max(1, now - rule.withinMs), limit: PAGE, cursor });
    for (const { kind, repository, reference, upstream, digest, count } of page.pulls) {
      // A request without a digest failed.
      const isOfTag = kind !== 'blobs' && reference !== undefined && !reference.includes(':');
      if (!isOfTag || upstream === undefined || digest === undefined) continue;
      const key = `${repository}:${reference}`;
      requests.set(key, (requests.get(key) ?? 0) + count);
    }
    ({ cursor } = page);
  } while (cursor !== undefined);
  return [...requests]
    .filter(([, count]) => count >= rule.uses)
    .toSorted(([a, uses], [b, others]) => others - uses || (a < b ? -1 : 1))
    .slice(0, rule.top)
    .map(([key]) => ({ stored: key.slice(0, key.lastIndexOf(':')), tag: key.slice(key.lastIndexOf(':') + 1) }));
}
