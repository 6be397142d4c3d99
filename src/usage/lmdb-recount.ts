import type { Database } from 'lmdb';

import { nextTurn } from '../stream/next-turn.ts';
import type { PackedDigest, ReferenceKey } from './index-keys.ts';
import { IN_ONE_TURN, type StoredDigest, type StoredUse } from './lmdb-entries.ts';

/** Comes after every digest. */
const LAST = '\u{10ffff}';

/**
 * Counts bytes and repositories while the index is in use: a part in each turn of the event loop. Changes of entries that are counted already
 * are to be reported to it.
 */
export class Recount {
  readonly sums = { bytes: 0, repositories: 0 };
  #digest: PackedDigest = '';
  #repository = '';

  bytesChanged(digest: PackedDigest, by: number): void {
    if (digest <= this.#digest) this.sums.bytes += by;
  }

  repositoriesChanged(repository: string, by: 1 | -1): void {
    if (repository <= this.#repository) this.sums.repositories += by;
  }

  /** @returns a function for the same turn, which undoes the changes reported since then, because they failed */
  savepoint(): () => void {
    const sums = { ...this.sums };
    return () => void Object.assign(this.sums, sums);
  }

  /** When it resolves, the sums are right until the end of the turn. */
  async countBytes(digests: Database<StoredDigest, PackedDigest>): Promise<void> {
    for (;;) {
      let read = 0;
      const range = this.#digest === '' ? {} : { start: this.#digest, exclusiveStart: true };
      for (const { key, value } of digests.getRange({ ...range, limit: IN_ONE_TURN })) {
        this.sums.bytes += value[0];
        this.#digest = key;
        read++;
      }
      if (read < IN_ONE_TURN) break;
      await nextTurn();
    }
    this.#digest = LAST;
  }

  /** Reads one entry of each repository. */
  async countRepositories(uses: Database<StoredUse, ReferenceKey>): Promise<void> {
    for (let read = 1; ; read++) {
      const start = [this.#repository, LAST] as unknown as ReferenceKey;
      const [next] = uses.getKeys({ start, limit: 1 });
      if (next === undefined) break;
      this.#repository = next[0];
      this.sums.repositories++;
      if (read % IN_ONE_TURN === 0) await nextTurn();
    }
    this.#repository = LAST;
  }
}
