import type { Digest } from '../oci/digest.ts';

/** For how long a tag has named a digest, as this cache saw it. Unix milliseconds. */
export interface SeenDigest {
  readonly digest: Digest;
  readonly firstSeen: number;
  /** When the upstream last confirmed it. */
  readonly lastConfirmed: number;
  /** When the tag was seen with another digest. Absent while it names this one. */
  readonly gone?: number;
  /** The history begins with it: since when the tag has named it is not known. */
  readonly isFirst?: true;
}

/** What a tag has named; the oldest first. */
export type TagHistory = readonly SeenDigest[];

export const MAX_SEEN = 20;
/** A confirmation so soon after the last one is not recorded. Milliseconds. */
const CONFIRMED_EVERY_MS = 10 * 60_000;

/**
 * The history after the upstream has named the digest. Pure.
 *
 * Time does not run backwards in it: a clock that was set back makes nothing older than it is.
 */
export function withObservation(history: TagHistory, digest: Digest, now: number): TagHistory {
  const at = history.reduce((latest, { lastConfirmed, gone = 0 }) => Math.max(latest, lastConfirmed, gone), now);
  const last = history.at(-1);
  if (last?.digest === digest && last.gone === undefined) {
    return at - last.lastConfirmed < CONFIRMED_EVERY_MS
      ? history
      : [...history.slice(0, -1), { ...last, lastConfirmed: at }];
  }
  const before = last?.gone === undefined && last ? [...history.slice(0, -1), { ...last, gone: at }] : history;
  const seen: SeenDigest = { digest, firstSeen: at, lastConfirmed: at, ...(!last && { isFirst: true as const }) };
  return trimmed([...before, seen]);
}

/** Without the digests that the tag named for the shortest time: many short ones must not displace a proven one. */
function trimmed(history: TagHistory): TagHistory {
  if (history.length <= MAX_SEEN) return history;
  const [shortest] = history.slice(0, -1).toSorted((a, b) => lengthOf(a) - lengthOf(b));
  return history.filter((seen) => seen !== shortest);
}

function lengthOf({ firstSeen, lastConfirmed }: SeenDigest): number {
  return lastConfirmed - firstSeen;
}

export interface AgeQuestion {
  /** The digest that the tag names now. */
  readonly current: Digest;
  /** The upstream has confirmed it, as recently as its TTL requires. */
  readonly isConfirmed: boolean;
  readonly minAgeMs: number;
  /** Whether the first digest of a history counts as old enough. */
  readonly unknown: 'wait' | 'allow';
  readonly now: number;
}

export interface AgeChoice {
  /** Digests that are old enough; the newest first. */
  readonly ofAge: readonly Digest[];
  /** When the current digest is old enough. Unix milliseconds. Absent when it is. */
  readonly heldUntil?: number;
}

/** Which digests a tag has named for long enough. Pure. */
export function chooseByAge(history: TagHistory, question: AgeQuestion): AgeChoice {
  const { current, minAgeMs } = question;
  const aged = history.filter((seen) => isOfAge(seen, question)).map(({ digest }) => digest);
  const ofAge = [...new Set(aged.toReversed())];
  if (ofAge.includes(current)) return { ofAge: [current, ...ofAge.filter((digest) => digest !== current)] };
  const since = history.findLast(({ digest }) => digest === current)?.firstSeen ?? question.now;
  return { ofAge, heldUntil: since + minAgeMs };
}

function isOfAge(seen: SeenDigest, { current, isConfirmed, minAgeMs, unknown, now }: AgeQuestion): boolean {
  if (seen.isFirst && unknown === 'allow') return true;
  // How long the tag named it after the last confirmation is not known.
  const isCurrent = seen.gone === undefined && seen.digest === current && isConfirmed;
  return (isCurrent ? now : seen.lastConfirmed) - seen.firstSeen >= minAgeMs;
}
