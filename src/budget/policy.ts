import type { Spend, SpendClass, Spending } from './spending.ts';
import { type Bucket, windowOf } from './bucket.ts';

/** A number of pulls, or a part of the limit from 0 to 1. */
export type Threshold = { readonly pulls: number } | { readonly part: number };

export interface BudgetPolicy {
  /** `most`: the account with the most pulls left. `order`: the first one that is usable. */
  readonly pool: 'most' | 'order';
  /** At this many or fewer, only clients spend. */
  readonly reserve: Threshold;
  /** At this many or fewer, an older manifest of a tag is served instead of spending, and clients have shares. */
  readonly scarce: Threshold;
  /** The most that one client may take of scarce pulls. From 0 to 1. */
  readonly fairShare: number;
  /** How long a client waits for a pull. Milliseconds. */
  readonly waitMs: number;
  readonly onExhausted: 'error' | 'fallback';
  /** Of a registry that states none. */
  readonly assume?: { readonly limit: number; readonly windowMs: number } | undefined;
}

/**
 * - `spend`: request it
 * - `older`: serve the older manifest of the tag
 * - `wait`: until more is available
 * - `refuse`: no pull is available
 */
export type Verdict = 'spend' | 'older' | 'wait' | 'refuse';

export function pullsOf(threshold: Threshold, limit: number | undefined): number {
  if ('pulls' in threshold) return threshold.pulls;
  return Math.floor((limit ?? 0) * threshold.part);
}

export interface Question {
  readonly class: SpendClass;
  /** An older manifest of the tag is stored. */
  readonly hasOlder: boolean;
  /** Pulls available in the best bucket; undefined without limit. */
  readonly left: number | undefined;
  readonly limit: number | undefined;
}

/** Whether a manifest is requested. A client that pulls new content is refused only when nothing is left. */
export function verdictOf({ class: by, hasOlder, left, limit }: Question, policy: BudgetPolicy): Verdict {
  if (left === undefined) return 'spend';
  if (by === 'sync' || by === 'warm') return left > pullsOf(policy.reserve, limit) ? 'spend' : 'wait';
  const isScarce = left <= pullsOf(policy.scarce, limit);
  if (hasOlder && (isScarce || left === 0)) return 'older';
  if (left === 0) return 'refuse';
  return by === 'refresh' && isScarce ? 'refuse' : 'spend';
}

/**
 * When the client may pull again, if it has used its share of the scarce pulls. Every client has one.
 *
 * @param left pulls available, at most those that count as scarce
 */
export function shareEndsAt(bucket: Bucket, left: number, { client }: Spending, fairShare: number): number | undefined {
  if (client === undefined || fairShare >= 1) return undefined;
  const scarce = bucket.spends.filter((spend) => spend.isScarce && spend.class === 'client');
  const own = scarce.filter((spend: Spend) => spend.client === client);
  const share = Math.max(1, Math.floor((left + scarce.length) * fairShare));
  const [oldest] = own;
  return oldest && own.length >= share ? oldest.at + windowOf(bucket) : undefined;
}
