import { randomInt } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { type Database, open as openEnvironment, type RootDatabase } from 'lmdb';

import { checkHeader, checkLength, createLockFile, FilesDamagedError, orDamaged } from '../lmdb/lmdb-files.ts';
import { nextTurn } from '../stream/next-turn.ts';
import { fromRow, type PullRow, toRow } from './pull-codec.ts';
import {
  parsePullId,
  type PullStore,
  type PullsToWrite,
  type ReadQuery,
  type StoredPull,
  type TrimOptions,
} from './pull-store.ts';

/** LMDB creates its lock file next to it. */
const DATA_FILE = 'pulls.mdb';
/** Records in one transaction: about a millisecond in which nothing else runs. */
const TRANSACTION_SIZE = 200;
/** Share of the limit to which the oldest records are removed, so that not every batch removes some. */
const LOW = 0.95;

type Key = [at: number, n: number];

export interface LmdbPullsOptions {
  /** Created when missing. */
  readonly directory: string;
  /** The directory is removed at the end. */
  readonly temporary?: boolean;
  /** Called once the files are closed. */
  readonly onClosed?: () => Promise<void>;
}

/** Records in memory-mapped files in a directory. Several processes may have it open. */
export class LmdbPulls implements PullStore {
  readonly #options: LmdbPullsOptions;
  readonly #root: RootDatabase;
  readonly #records: Database<PullRow, Key>;
  /** Random at first, as another process may write records of the same millisecond. */
  #n = randomInt(2 ** 47);
  #closed: Promise<void> | undefined;

  private constructor(options: LmdbPullsOptions, root: RootDatabase) {
    this.#options = options;
    this.#root = root;
    this.#records = root.openDB({ name: 'pulls' });
  }

  /** @throws {FilesDamagedError} */
  static async open(options: LmdbPullsOptions): Promise<LmdbPulls> {
    await mkdir(options.directory, { recursive: true, mode: 0o700 });
    const path = join(options.directory, DATA_FILE);
    await checkHeader(path);
    await createLockFile(path);
    let root: RootDatabase | undefined;
    try {
      root = openEnvironment({ path, noSubdir: true, maxDbs: 4, noSync: options.temporary === true });
      await checkLength(path, root);
      return new LmdbPulls(options, root);
    } catch (err) {
      await root?.close();
      throw orDamaged(err);
    }
  }

  /** Reads everything. @throws {FilesDamagedError} */
  verify(): void {
    try {
      const { entryCount } = this.#stats();
      let read = 0;
      // Damaged pages can form a cycle.
      for (const _ of this.#records.getRange()) if (++read > entryCount) break;
      if (read !== entryCount) throw new FilesDamagedError(`read ${read} records of ${entryCount}`);
    } catch (err) {
      throw orDamaged(err);
    }
  }

  /** Synchronous transactions: the callbacks of lmdb's asynchronous ones are never called on Node.js 20. */
  async append({ records }: PullsToWrite): Promise<void> {
    for (let start = 0; start < records.length; start += TRANSACTION_SIZE) {
      if (start > 0) await nextTurn();
      const some = records.slice(start, start + TRANSACTION_SIZE);
      this.#root.transactionSync(() => {
        for (const record of some) this.#records.putSync([record.at, this.#n++], toRow(record));
      });
    }
  }

  async read({ before, limit }: ReadQuery): Promise<StoredPull[]> {
    const start = before === undefined ? undefined : ([...parsePullId(before)] as Key);
    const range = this.#records.getRange({ ...(start && { start, exclusiveStart: true }), reverse: true, limit });
    return [...range].map(({ key, value }) => ({ id: key.join('-'), record: fromRow(value) }));
  }

  async trim({ now, keepMs, maxBytes }: TrimOptions): Promise<boolean> {
    while (this.#removeOldest({ end: [now - keepMs, 0] })) await nextTurn();
    if (this.#bytes() <= maxBytes) return false;
    while (this.#bytes() > maxBytes * LOW && this.#removeOldest({})) await nextTurn();
    return true;
  }

  /** @returns whether there were any */
  #removeOldest(range: { readonly end?: Key }): boolean {
    const keys = [...this.#records.getKeys({ ...range, limit: TRANSACTION_SIZE })];
    if (keys.length === 0) return false;
    this.#root.transactionSync(() => {
      for (const key of keys) this.#records.removeSync(key);
    });
    return true;
  }

  /** Pages that are in use. The file keeps pages that are not, for later records. */
  #bytes(): number {
    const { pageSize, treeBranchPageCount, treeLeafPageCount, overflowPages } = this.#stats();
    return pageSize * (treeBranchPageCount + treeLeafPageCount + overflowPages);
  }

  #stats(): LmdbStats {
    return this.#records.getStats() as LmdbStats;
  }

  close(): Promise<void> {
    return (this.#closed ??= this.#close());
  }

  async #close(): Promise<void> {
    const { directory, temporary, onClosed } = this.#options;
    await this.#root.close();
    if (temporary) await rm(directory, { recursive: true, force: true });
    await onClosed?.();
  }
}

interface LmdbStats {
  readonly entryCount: number;
  readonly pageSize: number;
  readonly treeBranchPageCount: number;
  readonly treeLeafPageCount: number;
  readonly overflowPages: number;
}
