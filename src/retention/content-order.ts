import { isDigest } from '../oci/digest.ts';
import type { ListOrder } from '../operations/cache-control.ts';
import { ControlError } from '../operations/control-error.ts';
import { nextTurn } from '../stream/next-turn.ts';
import type { ContentKind, UsageIndex, UsageRecord } from '../usage/usage-index.ts';

/** A place in a list. */
export interface Listed extends UsageRecord {
  /** Bytes of the record with all its parts. 0 in a list that is not in that order. */
  readonly total: number;
}

const PAGE = 500;

/** Records in the order of their names, read part by part. */
export async function* byName(index: UsageIndex, start?: UsageRecord): AsyncGenerator<UsageRecord, void, void> {
  for (let after = start; ; await nextTurn()) {
    const page = await index.page({ ...(after && { after }), limit: PAGE });
    yield* page;
    after = page.at(-1);
    if (page.length < PAGE) return;
  }
}

/** Records of a kind, the least recently used first, read part by part. */
export async function* byUse(
  index: UsageIndex,
  kind: ContentKind,
  start?: UsageRecord,
): AsyncGenerator<UsageRecord, void, void> {
  for (let after = start; ; await nextTurn()) {
    const page = await index.oldest({ kind, before: Number.MAX_SAFE_INTEGER, after, limit: PAGE });
    yield* page;
    after = page.at(-1);
    if (page.length < PAGE) return;
  }
}

/** The first of many, of which no more than a few are held in memory. */
export class FirstBySize {
  readonly #limit: number;
  readonly #after: Listed | undefined;
  #first: Listed[] = [];

  constructor(limit: number, after: Listed | undefined) {
    this.#limit = limit;
    this.#after = after;
  }

  add(listed: Listed): void {
    if (this.#after && compareSizes(listed, this.#after) <= 0) return;
    if (this.#first.push(listed) >= 2 * this.#limit) this.#first = this.sorted();
  }

  /** The largest first. */
  sorted(): Listed[] {
    return this.#first.toSorted(compareSizes).slice(0, this.#limit);
  }
}

function compareSizes(a: Listed, b: Listed): number {
  const [left, right] = [a, b].map(({ repository, digest }) => `${repository}@${digest}`) as [string, string];
  return b.total - a.total || (left < right ? -1 : Number(left > right));
}

/** @param sort the cursor of a list in another order is not one of this list */
export function toCursor({ repository, digest, kind, rank, total }: Listed, sort: ListOrder): string {
  return Buffer.from(JSON.stringify([sort, repository, digest, kind, rank, total])).toString('base64url');
}

/** @throws {ControlError} `invalid` */
export function parseCursor(cursor: string, sort: ListOrder): Listed {
  const [order, repository, digest, kind, rank, total] = parse(cursor);
  const isPlace = typeof repository === 'string' && typeof digest === 'string' && isDigest(digest);
  if (order !== sort || !isPlace || (kind !== 'manifest' && kind !== 'blob')) throw notOfThisList();
  if (typeof rank !== 'number' || typeof total !== 'number') throw notOfThisList();
  return { repository, digest, kind, rank, total, size: 0, lastUsedAt: 0 };
}

function parse(cursor: string): readonly unknown[] {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    return Array.isArray(parsed) ? parsed : [];
  } catch {
    return []; // which is not a place in a list
  }
}

function notOfThisList(): ControlError {
  return new ControlError('invalid', 'not a cursor of this list');
}
