import type { Database, Key } from 'lmdb';

import { nextTurn } from '../stream/next-turn.ts';

/** Size in bytes, last use and rank in Unix milliseconds. */
export type StoredUse = [size: number, lastUsedAt: number, rank: number];
/** Bytes, and the number of references. */
export type StoredDigest = [size: number, references: number];

/** Entries that are read in one turn of the event loop: about a millisecond. */
export const IN_ONE_TURN = 256;

/**
 * The entries of a table whose keys begin with `first`. Between the parts that are read in one turn, other work runs.
 *
 * @param after only entries after this key
 */
export async function* entriesOf<V, K extends readonly [string, ...(string | number)[]]>(
  table: Database<V, K & Key>,
  first: string,
  after?: K,
): AsyncGenerator<{ readonly key: K; readonly value: V }, void, void> {
  for (let last = after; ; ) {
    const start = (last ?? [first]) as K & Key;
    const part: { key: K; value: V }[] = [];
    for (const entry of table.getRange({ start, exclusiveStart: last !== undefined })) {
      if (entry.key[0] !== first || part.length === IN_ONE_TURN) break;
      part.push(entry);
    }
    yield* part;
    if (part.length < IN_ONE_TURN) return;
    last = part.at(-1)?.key;
    await nextTurn();
  }
}
