import { z } from 'zod';
import { otherwise, withDefault } from './defaults.ts';
import { ownDuration, ownTimer } from './duration.ts';
import { integer, partOf, percentage } from './number.ts';
import type { PullThreshold } from './pull-threshold.ts';
import { scalar } from './scalar.ts';
import { choice } from './text.ts';

const threshold = (description: string) =>
  scalar(description, {
    reads: 'yaml',
    expected: 'must be a number of pulls such as 20, or a part of the limit such as 20%',
    json: { type: ['string', 'integer'] } as unknown as z.core.JSONSchema.BaseSchema,
    format: 'number or %',
    parse: parseThreshold,
  });

const perSecond = (description: string) =>
  scalar(description, {
    reads: 'yaml',
    expected: 'must be a number of requests per second such as 20/s, or 0',
    json: { type: ['string', 'integer'] } as unknown as z.core.JSONSchema.BaseSchema,
    format: 'number/s',
    parse: (value) => {
      const [, count] = /^(\d{1,6}(?:\.\d{1,3})?)(?:\/s)?$/.exec(value) ?? [];
      return count === undefined ? undefined : Number(count);
    },
  });

function parseThreshold(value: string): PullThreshold | undefined {
  const part = partOf(value);
  if (part !== undefined) return { part };
  return /^\d{1,7}$/.test(value) ? { pulls: Number(value) } : undefined;
}

const assume = z
  .strictObject({
    limit: integer('Pulls per window.', { min: 1 }),
    window: ownTimer('Length of the rolling window.'),
  })
  .transform(({ limit, window }) => ({ limit, windowMs: window }))
  .describe('The limit of an upstream that states none.');

export const budget = z
  .strictObject({
    pool: withDefault(
      choice(
        'Which account pulls. `order`: the first of `credentials` that has something for the host. `most`: the one with the most pulls left.',
        ['most', 'order'],
      ),
      'order',
    ),
    reserve: withDefault(threshold('At this many pulls left, work that no client waits for stops.'), '20%'),
    scarce: withDefault(
      threshold('At this many pulls left, a tag that moved is served as it was, and clients have shares.'),
      '10%',
    ),
    fairshare: withDefault(percentage('The most that one client may take of scarce pulls.'), '25%'),
    wait: withDefault(ownDuration('How long a client waits for a pull. containerd gives up after 30 s.'), '0s'),
    onexhausted: withDefault(
      choice('Response when no pull is left. `error`: 429. `fallback`: 404, so that clients try the upstream.', [
        'error',
        'fallback',
      ]),
      'error',
    ),
    rate: withDefault(perSecond('Requests of any kind to one host. `0`: no limit.'), '0'),
    assume: otherwise(assume, 'none'),
  })
  .transform(({ pool, reserve, scarce, fairshare, wait, onexhausted, rate, assume: assumed }) => ({
    pool,
    reserve,
    scarce,
    fairShare: fairshare,
    waitMs: wait,
    onExhausted: onexhausted,
    /** 0: no limit. */
    requestsPerSecond: rate,
    assume: assumed,
  }))
  .describe('How the pulls that the upstream allows are spent. [More](docker-hub.md).');
