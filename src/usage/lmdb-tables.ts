import type { Database, RootDatabase } from 'lmdb';

import { type HolderKey, type PackedDigest, type QueueKey, type ReferenceKey, toReferenceKey } from './index-keys.ts';
import { IndexDamagedError } from './lmdb-files.ts';
import type { ContentReference, UsageTotals, Use } from './usage-index.ts';

/** Size in bytes, last use and rank in Unix milliseconds. */
export type StoredUse = [size: number, lastUsedAt: number, rank: number];
/** Bytes, and the number of references. */
type StoredDigest = [size: number, references: number];

const NO_TOTALS: UsageTotals = { bytes: 0, digests: 0, references: 0 };

type Change = (totals: UsageTotals) => UsageTotals;

interface DueChange {
  readonly work: Change;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/** Changes in one transaction: each blocks the event loop for about 50 µs in a large index. */
export const TRANSACTION_SIZE = 20;

/** The tables in the files, and the changes that keep them consistent. */
export class LmdbTables {
  readonly #root: RootDatabase;
  readonly #due: DueChange[] = [];
  readonly uses: Database<StoredUse, ReferenceKey>;
  readonly queue: Database<true, QueueKey>;
  readonly holders: Database<true, HolderKey>;
  readonly digests: Database<StoredDigest, PackedDigest>;
  readonly unreferenced: Database<true, PackedDigest>;
  readonly parts: Database<PackedDigest[], PackedDigest>;
  readonly parents: Database<true, [part: PackedDigest, manifest: PackedDigest]>;
  readonly pins: Database<number, string>;
  readonly meta: Database<unknown, string>;

  constructor(root: RootDatabase) {
    this.#root = root;
    this.uses = root.openDB({ name: 'uses' });
    this.queue = root.openDB({ name: 'queue' });
    this.holders = root.openDB({ name: 'holders' });
    this.digests = root.openDB({ name: 'digests' });
    this.unreferenced = root.openDB({ name: 'loose' }); // names are part of the format
    this.parts = root.openDB({ name: 'parts' });
    this.parents = root.openDB({ name: 'wholes' });
    this.pins = root.openDB({ name: 'pins' });
    this.meta = root.openDB({ name: 'meta' });
  }

  /** Reads every entry. @throws {IndexDamagedError} when a table has more or fewer than it was written with */
  verify(): void {
    const { uses, queue, holders, digests, unreferenced, parts, parents, pins, meta } = this;
    for (const table of [uses, queue, holders, digests, unreferenced, parts, parents, pins, meta] as Database[]) {
      const { entryCount } = table.getStats() as { entryCount: number };
      let read = 0;
      for (const _ of table.getRange()) {
        // Damaged pages can form a cycle.
        if (++read > entryCount) break;
      }
      if (read !== entryCount) throw new IndexDamagedError(`read ${read} entries of a table that has ${entryCount}`);
    }
  }

  totals(): UsageTotals {
    return (this.meta.get('totals') as UsageTotals | undefined) ?? NO_TOTALS;
  }

  /**
   * Like {@link write}, in one transaction with other changes that are due: each transaction waits for the disk.
   *
   * @throws the error of this change alone
   */
  writeTogether(work: Change): Promise<void> {
    return new Promise((resolve, reject) => {
      const isFirst = this.#due.push({ work, resolve, reject }) === 1;
      if (isFirst) setImmediate(() => this.writeDue());
    });
  }

  /** Writes the changes of {@link writeTogether} that are due. */
  writeDue(): void {
    const due = this.#due.splice(0);
    for (let start = 0; start < due.length; start += TRANSACTION_SIZE)
      this.#writeGroup(due.slice(start, start + TRANSACTION_SIZE));
  }

  #writeGroup(group: readonly DueChange[]): void {
    try {
      this.write((totals) => group.reduce((sums, { work }) => work(sums), totals));
      for (const { resolve } of group) resolve();
    } catch (err) {
      if (group.length === 1) group[0]?.reject(err);
      else for (const change of group) this.#writeGroup([change]);
    }
  }

  /**
   * One transaction. Synchronous, although it blocks the event loop until the pages are on disk: the callbacks of lmdb's asynchronous
   * transactions are never called on Node.js 20.
   */
  write(work: Change): void {
    this.#root.transactionSync(() => {
      const before = this.totals();
      const after = work(before);
      if (after !== before) this.meta.putSync('totals', after);
    });
  }

  record(totals: UsageTotals, { size, at, onlyKnown, ...reference }: Use): UsageTotals {
    const key = toReferenceKey(reference);
    const known = this.uses.get(key);
    if (!known && onlyKnown) return totals;
    const bytes = size ?? known?.[0] ?? 0;
    this.move(key, known, [bytes, Math.max(at, known?.[1] ?? 0), Math.max(at, known?.[2] ?? 0)]);
    if (known && (size === undefined || size === known[0]) && this.digests.get(key[1])?.[0] === bytes) return totals;
    if (!known) this.holders.putSync([key[1], key[0], key[2]], true);
    const references = totals.references + (known ? 0 : 1);
    return this.#countDigest({ ...totals, references }, key[1], { bytes, isNew: !known });
  }

  #countDigest(
    totals: UsageTotals,
    digest: PackedDigest,
    { bytes, isNew }: { bytes: number; isNew: boolean },
  ): UsageTotals {
    const [size, references] = this.digests.get(digest) ?? [0, 0];
    const isFirst = this.digests.get(digest) === undefined;
    this.unreferenced.removeSync(digest);
    this.digests.putSync(digest, [bytes, references + (isNew ? 1 : 0)]);
    return { ...totals, bytes: totals.bytes - size + bytes, digests: totals.digests + (isFirst ? 1 : 0) };
  }

  remove(totals: UsageTotals, reference: ContentReference): UsageTotals {
    const key = toReferenceKey(reference);
    const known = this.uses.get(key);
    if (!known) return totals;
    const [repository, digest, kind] = key;
    this.uses.removeSync(key);
    this.queue.removeSync([kind, known[2], repository, digest]);
    this.holders.removeSync([digest, repository, kind]);
    const [size, references] = this.digests.get(digest) ?? [known[0], 1];
    this.digests.putSync(digest, [size, Math.max(0, references - 1)]);
    if (references <= 1) this.unreferenced.putSync(digest, true);
    return { ...totals, references: totals.references - 1 };
  }

  move([repository, digest, kind]: ReferenceKey, from: StoredUse | undefined, to: StoredUse): void {
    if (from && from[2] !== to[2]) this.queue.removeSync([kind, from[2], repository, digest]);
    this.uses.putSync([repository, digest, kind], to);
    this.queue.putSync([kind, to[2], repository, digest], true);
  }

  forgetParts(manifest: PackedDigest): void {
    for (const part of this.parts.get(manifest) ?? []) this.parents.removeSync([part, manifest]);
    this.parts.removeSync(manifest);
  }
}
