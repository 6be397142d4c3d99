import type { Database, Key, RootDatabase } from 'lmdb';

import { nextTurn } from '../stream/next-turn.ts';
import type { ReferenceKey } from './index-keys.ts';
import { entriesOf, IN_ONE_TURN, type StoredUse } from './lmdb-entries.ts';
import { LAST_USE_STEP_MS, type RepositoriesQuery, type RepositorySums } from './usage-index.ts';

type StoredSums = [manifests: number, bytes: number, lastUsedAt: number];
/** The order by use, and the order by size. */
type OrderCode = 0 | 1;
type OrderKey = [code: OrderCode, value: number, repository: string];

/** What a reference adds to its repository, or takes from it. */
export interface SumsChange {
  readonly manifests: number;
  readonly bytes: number;
  /** Of a use. Unix milliseconds. */
  readonly at?: number;
  /** It is the first reference of the repository. */
  readonly isFirst?: boolean;
}

/** Comes after every name. */
const LAST = '\u{10ffff}';
const MAX_TRIES = 3;

/**
 * Sums over the references of each repository, and the orders of repositories by use and by size. Those that were recorded by a version
 * without sums are added at the first read.
 */
export class LmdbRepositories {
  readonly #uses: Database<StoredUse, ReferenceKey>;
  readonly #sums: Database<StoredSums, string>;
  readonly #orders: Database<true, OrderKey & Key>;
  #adding: Promise<void> | undefined;
  #isComplete = false;
  /** The repository whose references are being read. */
  #reading: { readonly repository: string; isChanged: boolean } | undefined;

  constructor(root: RootDatabase, uses: Database<StoredUse, ReferenceKey>) {
    this.#uses = uses;
    this.#sums = root.openDB({ name: 'sums' });
    this.#orders = root.openDB({ name: 'orders' });
  }

  get tables(): readonly unknown[] {
    return [this.#sums, this.#orders];
  }

  /** In the transaction of the change. */
  change(repository: string, { manifests, bytes, at = 0, isFirst = false }: SumsChange): void {
    if (this.#reading?.repository === repository) this.#reading.isChanged = true;
    const before = this.#sums.get(repository);
    if (!before && !isFirst) return;
    const [hadManifests, hadBytes, usedAt] = before ?? [0, 0, 0];
    const isLater = at >= usedAt + LAST_USE_STEP_MS || usedAt === 0;
    if (before && manifests === 0 && bytes === 0 && !isLater) return;
    this.#put(repository, [hadManifests + manifests, hadBytes + bytes, isLater ? at : usedAt]);
  }

  /** In the transaction in which its last reference is removed. */
  remove(repository: string): void {
    this.#put(repository, undefined);
  }

  /** In a transaction. Everything is added again at the next read. */
  clear(): void {
    this.#isComplete = false;
    this.#sums.clearSync();
    this.#orders.clearSync();
  }

  /** Adds the sums of a version without them. @param count of all repositories */
  async complete(count: number): Promise<void> {
    if (this.#isComplete || entryCount(this.#sums) === count) return;
    this.#adding ??= this.#addAll().finally(() => (this.#adding = undefined));
    await this.#adding;
  }

  page({ order, after, from = '', limit }: RepositoriesQuery): RepositorySums[] {
    if (order === 'name') {
      const start = after?.repository ?? from;
      const range = this.#sums.getRange({ start, exclusiveStart: after !== undefined, limit });
      return [...range].map(({ key, value }) => toSums(key, value));
    }
    const code = order === 'used' ? 0 : 1;
    const start = after
      ? [code, code === 0 ? after.lastUsedAt : after.bytes, after.repository]
      : [code, Number.MAX_SAFE_INTEGER];
    const range = { start: start as unknown as OrderKey & Key, end: [code] as unknown as OrderKey & Key };
    const keys = [...this.#orders.getKeys({ ...range, reverse: true, limit: limit + 1 })];
    const next = keys.filter(([, , repository]) => repository !== after?.repository).slice(0, limit);
    return next.flatMap(([, , repository]) => this.find(repository) ?? []);
  }

  find(repository: string): RepositorySums | undefined {
    const stored = this.#sums.get(repository);
    return stored && toSums(repository, stored);
  }

  async #addAll(): Promise<void> {
    let repository = '';
    for (let read = 1; ; read++) {
      const start = [repository, LAST] as unknown as ReferenceKey;
      const [next] = this.#uses.getKeys({ start, limit: 1 });
      if (next === undefined) break;
      repository = next[0];
      if (!this.#sums.get(repository)) await this.#add(repository);
      if (read % IN_ONE_TURN === 0) await nextTurn();
    }
    this.#isComplete = true;
  }

  async #add(repository: string): Promise<void> {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      this.#reading = { repository, isChanged: false };
      const sums: StoredSums = [0, 0, 0];
      for await (const { key, value } of entriesOf(this.#uses, repository)) addTo(sums, key, value);
      const { isChanged } = this.#reading;
      this.#reading = undefined;
      if (!isChanged) return this.#putAdded(repository, sums);
    }
    // It changes all the time: in one turn, which it cannot do meanwhile.
    const sums: StoredSums = [0, 0, 0];
    for (const { key, value } of this.#uses.getRange({ start: [repository] as unknown as ReferenceKey })) {
      if (key[0] !== repository) break;
      addTo(sums, key, value);
    }
    this.#putAdded(repository, sums);
  }

  #putAdded(repository: string, sums: StoredSums): void {
    if (sums[2] > 0) this.#sums.transactionSync(() => this.#put(repository, sums));
  }

  #put(repository: string, to: StoredSums | undefined): void {
    const before = this.#sums.get(repository);
    for (const [from, key] of zipped(orderKeys(repository, before), orderKeys(repository, to))) {
      if (from && from[1] === key?.[1]) continue;
      if (from) this.#orders.removeSync(from);
      if (key) this.#orders.putSync(key, true);
    }
    if (to) this.#sums.putSync(repository, to);
    else this.#sums.removeSync(repository);
  }
}

function addTo(sums: StoredSums, [, , kind]: ReferenceKey, [size, usedAt]: StoredUse): void {
  if (kind === 0) sums[0]++;
  sums[1] += size;
  sums[2] = Math.max(sums[2], usedAt);
}

function orderKeys(repository: string, sums: StoredSums | undefined): readonly [OrderKey?, OrderKey?] {
  return sums
    ? [
        [0, sums[2], repository],
        [1, sums[1], repository],
      ]
    : [];
}

function zipped<T>(from: readonly [T?, T?], to: readonly [T?, T?]): [T | undefined, T | undefined][] {
  return [
    [from[0], to[0]],
    [from[1], to[1]],
  ];
}

function toSums(repository: string, [manifests, bytes, lastUsedAt]: StoredSums): RepositorySums {
  return { repository, manifests, bytes, lastUsedAt };
}

function entryCount(table: Pick<Database<StoredSums, string>, 'getStats'>): number {
  return (table.getStats() as { entryCount: number }).entryCount;
}
