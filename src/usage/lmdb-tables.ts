import type { Database, RootDatabase } from 'lmdb';

import { type HolderKey, type PackedDigest, type QueueKey, type ReferenceKey, toReferenceKey } from './index-keys.ts';
import type { StoredDigest, StoredUse } from './lmdb-entries.ts';
import { FilesDamagedError } from '../lmdb/lmdb-files.ts';
import { Recount } from './lmdb-recount.ts';
import { LmdbRepositories } from './lmdb-repositories.ts';
import type { TextKey } from './lmdb-texts.ts';
import type { ContentReference, UsageTotals, Use } from './usage-index.ts';

/** The totals as they are stored. */
export interface StoredTotals extends UsageTotals {
  /** The references of the counted repositories. Another number than {@link references} when a version wrote that does not count them. */
  readonly counted: number;
  /** The same for the sums of repositories. */
  readonly summed?: number;
}

const NO_TOTALS: StoredTotals = { bytes: 0, digests: 0, references: 0, repositories: 0, counted: 0, summed: 0 };

type Change = (totals: StoredTotals) => StoredTotals;

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
  /** In progress. */
  readonly #recounts = new Set<Recount>();
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
  readonly texts: Database<string, TextKey>;
  readonly repositories: LmdbRepositories;

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
    this.texts = root.openDB({ name: 'texts' });
    this.repositories = new LmdbRepositories(root, this.uses);
  }

  /** Reads every entry. @throws {FilesDamagedError} when a table has more or fewer than it was written with */
  verify(): void {
    const { uses, queue, holders, digests, unreferenced, parts, parents, pins, meta, texts } = this;
    const known = [uses, queue, holders, digests, unreferenced, parts, parents, pins, meta, texts];
    for (const table of [...known, ...this.repositories.tables] as Database[]) {
      const entries = entryCount(table);
      let read = 0;
      for (const _ of table.getRange()) {
        // Damaged pages can form a cycle.
        if (++read > entries) break;
      }
      if (read !== entries) throw new FilesDamagedError(`read ${read} entries of a table that has ${entries}`);
    }
  }

  totals(): StoredTotals {
    return (this.meta.get('totals') as StoredTotals | undefined) ?? NO_TOTALS;
  }

  /** Computes the totals again, while the index is in use. */
  async recount(): Promise<void> {
    await this.#counting(async (recount) => {
      await recount.countRepositories(this.uses);
      await recount.countBytes(this.digests);
      this.write(() => {
        const [digests, references] = [entryCount(this.digests), entryCount(this.uses)];
        this.repositories.clear();
        return { ...recount.sums, digests, references, counted: references, summed: references };
      });
    });
  }

  /** Counts repositories where the version that wrote the index did not. */
  async countRepositories(): Promise<void> {
    const { references, counted } = this.totals();
    if (references === counted) return;
    await this.#counting(async (recount) => {
      await recount.countRepositories(this.uses);
      this.write((totals) => ({ ...totals, repositories: recount.sums.repositories, counted: totals.references }));
    });
  }

  /** Sums are made again where a version without them has written. */
  dropStaleSums(): void {
    const { references, summed } = this.totals();
    if (references === summed) return;
    this.write((totals) => {
      this.repositories.clear();
      return { ...totals, summed: totals.references };
    });
  }

  async #counting(count: (recount: Recount) => Promise<void>): Promise<void> {
    const recount = new Recount();
    this.#recounts.add(recount);
    try {
      await count(recount);
    } finally {
      this.#recounts.delete(recount);
    }
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
    const rollbacks = [...this.#recounts].map((recount) => recount.savepoint());
    try {
      this.#root.transactionSync(() => {
        const before = this.totals();
        const after = work(before);
        if (after !== before) this.meta.putSync('totals', after);
      });
    } catch (err) {
      for (const rollback of rollbacks) rollback();
      throw err;
    }
  }

  record(totals: StoredTotals, { size, at, onlyKnown, ...reference }: Use): StoredTotals {
    const key = toReferenceKey(reference);
    const known = this.uses.get(key);
    if (!known && onlyKnown) return totals;
    const bytes = size ?? known?.[0] ?? 0;
    const isNewRepository = !known && !this.#hasAny(key[0]);
    this.move(key, known, [bytes, Math.max(at, known?.[1] ?? 0), Math.max(at, known?.[2] ?? 0)]);
    this.repositories.change(key[0], {
      manifests: !known && key[2] === 0 ? 1 : 0,
      bytes: bytes - (known?.[0] ?? 0),
      at,
      isFirst: isNewRepository,
    });
    if (known && (size === undefined || size === known[0]) && this.digests.get(key[1])?.[0] === bytes) return totals;
    if (!known) this.holders.putSync([key[1], key[0], key[2]], true);
    const counted = known ? totals : this.#countReference(totals, 1);
    const sums = isNewRepository ? this.#countRepository(counted, key[0], 1) : counted;
    return this.#countDigest(sums, key[1], { bytes, isNew: !known });
  }

  #countDigest(
    totals: StoredTotals,
    digest: PackedDigest,
    { bytes, isNew }: { bytes: number; isNew: boolean },
  ): StoredTotals {
    const [, references] = this.digests.get(digest) ?? [0, 0];
    this.unreferenced.removeSync(digest);
    return this.#setDigest(totals, digest, [bytes, references + (isNew ? 1 : 0)]);
  }

  /** @param value absent to remove it */
  #setDigest(totals: StoredTotals, digest: PackedDigest, value: StoredDigest | undefined): StoredTotals {
    const before = this.digests.get(digest);
    if (value) this.digests.putSync(digest, value);
    else this.digests.removeSync(digest);
    const by = (value?.[0] ?? 0) - (before?.[0] ?? 0);
    for (const recount of this.#recounts) recount.bytesChanged(digest, by);
    const digests = totals.digests + (value ? 1 : 0) - (before ? 1 : 0);
    return { ...totals, bytes: totals.bytes + by, digests };
  }

  #countReference(totals: StoredTotals, by: 1 | -1): StoredTotals {
    const { references, counted, summed = 0 } = totals;
    return { ...totals, references: references + by, counted: counted + by, summed: summed + by };
  }

  #countRepository(totals: StoredTotals, repository: string, by: 1 | -1): StoredTotals {
    for (const recount of this.#recounts) recount.repositoriesChanged(repository, by);
    return { ...totals, repositories: totals.repositories + by };
  }

  #hasAny(repository: string): boolean {
    const [first] = this.uses.getKeys({ start: [repository] as unknown as ReferenceKey, limit: 1 });
    return first?.[0] === repository;
  }

  recordUnreferenced(totals: StoredTotals, digest: PackedDigest, size: number): StoredTotals {
    if (this.digests.get(digest)) return totals;
    this.unreferenced.putSync(digest, true);
    return this.#setDigest(totals, digest, [size, 0]);
  }

  /** References stay. */
  bytesRemoved(totals: StoredTotals, digest: PackedDigest): StoredTotals {
    this.unreferenced.removeSync(digest);
    const [, references] = this.digests.get(digest) ?? [];
    if (references === undefined) return totals;
    if (references > 0) return this.#setDigest(totals, digest, [0, references]);
    this.#forgetParts(digest);
    return this.#setDigest(totals, digest, undefined);
  }

  remove(totals: StoredTotals, reference: ContentReference): StoredTotals {
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
    const counted = this.#countReference(totals, -1);
    this.repositories.change(repository, { manifests: kind === 0 ? -1 : 0, bytes: -known[0] });
    if (this.#hasAny(repository)) return counted;
    this.repositories.remove(repository);
    return this.#countRepository(counted, repository, -1);
  }

  move([repository, digest, kind]: ReferenceKey, from: StoredUse | undefined, to: StoredUse): void {
    if (from && from[2] !== to[2]) this.queue.removeSync([kind, from[2], repository, digest]);
    this.uses.putSync([repository, digest, kind], to);
    this.queue.putSync([kind, to[2], repository, digest], true);
  }

  #forgetParts(manifest: PackedDigest): void {
    for (const part of this.parts.get(manifest) ?? []) this.parents.removeSync([part, manifest]);
    this.parts.removeSync(manifest);
  }
}

function entryCount(table: Pick<Database, 'getStats'>): number {
  return (table.getStats() as { entryCount: number }).entryCount;
}
