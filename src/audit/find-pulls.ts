import type { PullPage, PullQuery } from '../operations/pull-log.ts';
import { nextTurn } from '../stream/next-turn.ts';
import { createPullFilter } from './pull-filter.ts';
import type { PullRecord } from './pull-record.ts';
import type { PullStore } from './pull-store.ts';

const LIMIT = 100;
const MAX_LIMIT = 1_000;
/** Records that are read in one turn of the event loop: about a millisecond. */
const IN_ONE_TURN = 256;
/** Records that one call reads. The page may then have fewer than its limit. */
const MAX_READ = 20_000;
/** Batches may be appended late, as after Redis was unavailable. Milliseconds. */
const LATE_MS = 3_600_000;

/** @throws {ControlError} `invalid` when the query is */
export async function findPulls(store: PullStore, query: PullQuery): Promise<PullPage> {
  const { since = 0, limit = LIMIT } = query;
  const matches = createPullFilter(query);
  const pulls: PullRecord[] = [];
  let cursor = query.cursor;
  for (let read = 0; read < MAX_READ; read += IN_ONE_TURN) {
    const part = await store.read({ before: cursor, limit: IN_ONE_TURN });
    for (const { id, record } of part) {
      cursor = id;
      if (!record) continue;
      if (record.at < since - LATE_MS) return { pulls };
      if (matches(record)) pulls.push(record);
      if (pulls.length >= Math.min(limit, MAX_LIMIT)) return { pulls, cursor };
    }
    if (part.length < IN_ONE_TURN) return { pulls };
    await nextTurn();
  }
  return { pulls, cursor };
}
