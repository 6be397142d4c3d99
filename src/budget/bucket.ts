import type { Spend, Spending } from './spending.ts';

/**
 * The pulls that a registry allows one account or address, by the bookkeeping of this process and the headers of the registry. A value: it
 * can be kept as JSON. Times in Unix milliseconds.
 */
export interface Bucket {
  /** Pulls per window. Absent when the registry does not state it. */
  readonly limit?: number | undefined;
  readonly windowMs?: number | undefined;
  /** Absent: without limit, as far as is known. */
  readonly left?: number | undefined;
  /** Within the window, the oldest first. */
  readonly spends: readonly Spend[];
  /** Spends whose response has not arrived. */
  readonly open: number;
  /** Spends so far. */
  readonly count: number;
  /** When a response last stated the remaining pulls. */
  readonly observedAt?: number | undefined;
  /** The registry refused a pull: empty until then. Afterwards one pull tries. */
  readonly emptyUntil?: number | undefined;
}

/** The state of a bucket when a request was sent. */
export type Ticket = Pick<Bucket, 'open' | 'count'>;

/** Limits that a registry stated in a response or a token. */
export interface StatedLimit {
  readonly limit?: number | undefined;
  readonly windowMs?: number | undefined;
  readonly remaining?: number | undefined;
}

/** Of a bucket whose registry does not state one. */
const DEFAULT_WINDOW_MS = 6 * 3_600_000;
/** More spends than this are not kept. A registry that allows more states the remaining pulls in each response. */
const MAX_SPENDS = 1_000;

/** Until the next attempt when nothing is left, and neither the registry nor the own spends show when pulls become available. */
const HOLD_MS = { withWindow: 60_000, without: 10_000 };

export const NEW_BUCKET: Bucket = { spends: [], open: 0, count: 0 };

export function windowOf({ windowMs = DEFAULT_WINDOW_MS }: Bucket): number {
  return windowMs;
}

/** Spends that have left the rolling window are available again. A window without any statement of the registry is over: only own spends count. */
export function elapsed(bucket: Bucket, now: number): Bucket {
  const since = now - windowOf(bucket);
  const spends = bucket.spends.filter(({ at }) => at > since);
  const { left, limit, observedAt } = bucket;
  if (left === undefined || limit === undefined) return { ...bucket, spends };
  const recovered = left + bucket.spends.length - spends.length;
  const isOver = observedAt !== undefined && observedAt <= since;
  const all = isOver ? Math.max(recovered, limit - spends.length) : recovered;
  return { ...bucket, spends, left: Math.max(0, Math.min(all, limit)) };
}

/** Pulls that can be made now; undefined without limit. */
export function available(bucket: Bucket, now: number): number | undefined {
  const { left, emptyUntil } = elapsed(bucket, now);
  if (emptyUntil === undefined) return left;
  return now < emptyUntil ? 0 : Math.max(1, left ?? 1);
}

export function spent(
  bucket: Bucket,
  spend: Spending & Pick<Spend, 'at' | 'repository' | 'isScarce'>,
): { readonly bucket: Bucket; readonly id: number; readonly ticket: Ticket } {
  const { open, left } = bucket;
  const count = bucket.count + 1;
  // Unique also when buckets are merged.
  const id = spend.at * 1_000 + (count % 1_000);
  const spends = [...bucket.spends, { ...spend, id }].slice(-MAX_SPENDS);
  const after = { ...bucket, spends, open: open + 1, count, emptyUntil: undefined };
  return {
    bucket: left === undefined ? after : { ...after, left: Math.max(0, left - 1) },
    id,
    ticket: { open, count },
  };
}

/** The response to a spend has arrived, or will not. @param isCounted whether the registry counts it as a pull */
export function settled(bucket: Bucket, id: number, isCounted: boolean): Bucket {
  const after = { ...bucket, open: Math.max(0, bucket.open - 1) };
  if (isCounted) return after;
  const spends = bucket.spends.filter((spend) => spend.id !== id);
  const isKept = spends.length < bucket.spends.length;
  return { ...after, spends, ...(bucket.left !== undefined && isKept && { left: bucket.left + 1 }) };
}

/**
 * A response stated the remaining pulls. Requests in progress at the same time may or may not be part of that number: the own bookkeeping stays,
 * within the possible values.
 */
export function observed(bucket: Bucket, stated: StatedLimit, ticket: Ticket, now: number): Bucket {
  const known = announced(bucket, stated);
  const { remaining } = stated;
  if (remaining === undefined) return known;
  const underWay = Math.max(0, ticket.open + bucket.count - ticket.count);
  const least = Math.max(0, remaining - underWay);
  const left = Math.min(Math.max(bucket.left ?? remaining, least), remaining);
  return { ...known, left, observedAt: now, emptyUntil: remaining > 0 ? undefined : tryAgainAt(known, now) };
}

/** A limit without the remaining pulls, as in a token: the own spends are known. */
export function announced(bucket: Bucket, { limit, windowMs }: StatedLimit): Bucket {
  const known = { ...bucket, limit: limit ?? bucket.limit, windowMs: windowMs || bucket.windowMs };
  if (known.left !== undefined || known.limit === undefined) return known;
  return { ...known, left: Math.max(0, known.limit - known.spends.length) };
}

/** A success without any statement: a bucket whose limit was never stated is one without limit again. */
function unlimited(bucket: Bucket): Bucket {
  return bucket.limit === undefined ? { ...bucket, left: undefined, emptyUntil: undefined } : bucket;
}

/** The registry refused a pull for being too many. */
export function exhausted(bucket: Bucket, now: number, retryAfterMs: number | undefined): Bucket {
  const until = retryAfterMs === undefined ? tryAgainAt(bucket, now) : now + retryAfterMs;
  return { ...bucket, left: 0, emptyUntil: Math.max(until, now + 1) };
}

/** Others may have spent the rest, and their spends leave the window at times that are not known. */
function tryAgainAt(bucket: Bucket, now: number): number {
  const { limit, spends, windowMs } = bucket;
  const returns = nextReturn(bucket);
  const next = now + (windowMs === undefined ? HOLD_MS.without : HOLD_MS.withWindow);
  if (returns === undefined) return next;
  return limit !== undefined && spends.length >= limit ? returns : Math.min(returns, next);
}

/** When the oldest spend leaves the window. */
function nextReturn(bucket: Bucket): number | undefined {
  const [oldest] = bucket.spends;
  return oldest && oldest.at + windowOf(bucket);
}

/** Both are the same bucket at the registry: two accounts of one user, or one before and after its name was known. */
export function merged(a: Bucket, b: Bucket): Bucket {
  const both = { ...a, ...definedOf(b) };
  return {
    ...both,
    spends: [...a.spends, ...b.spends].sort((x, y) => x.at - y.at).slice(-MAX_SPENDS),
    open: a.open + b.open,
    count: a.count + b.count,
    left: a.left === undefined || b.left === undefined ? (a.left ?? b.left) : Math.min(a.left, b.left),
  };
}

function definedOf(bucket: Bucket): Partial<Bucket> {
  return Object.fromEntries(Object.entries(bucket).filter(([, value]) => value !== undefined));
}

export interface PullResult {
  readonly status: number;
  /** Absent when the response states nothing. */
  readonly stated: StatedLimit | undefined;
  readonly retryAfterMs: number | undefined;
}

/** The response to a spend has arrived. */
export function afterPull(
  bucket: Bucket,
  { status, stated, retryAfterMs }: PullResult,
  { id, ticket, now }: { readonly id: number; readonly ticket: Ticket; readonly now: number },
): Bucket {
  const isSuccess = status >= 200 && status < 300;
  // An image that is exempt has no headers, where others have them.
  const isExempt = stated === undefined && bucket.observedAt !== undefined;
  const counted = settled(bucket, id, isSuccess && !isExempt);
  const known = stated ? observed(counted, stated, ticket, now) : isSuccess ? unlimited(counted) : counted;
  return status === 429 ? exhausted(known, now, retryAfterMs) : known;
}
