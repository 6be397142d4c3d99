import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { open as openEnvironment, type RootDatabase } from 'lmdb';

import type { Digest } from '../oci/digest.ts';
import {
  fromHolderKey,
  fromReferenceKey,
  type HolderKey,
  kindCode,
  packDigest,
  type QueueKey,
  type ReferenceKey,
  toReferenceKey,
  unpackDigest,
} from './index-keys.ts';
import { nextTurn } from '../stream/next-turn.ts';
import { entriesOf, type StoredUse } from './lmdb-entries.ts';
import { checkHeader, checkLength, createLockFile, FilesDamagedError, orDamaged } from '../lmdb/lmdb-files.ts';
import { LmdbTables, TRANSACTION_SIZE } from './lmdb-tables.ts';
import { LmdbTexts } from './lmdb-texts.ts';
import { pinKey, pinOf } from './pin-key.ts';
import type { TextTable, TextTableName } from './text-table.ts';
import type {
  ContentReference,
  Counters,
  Holder,
  HoldersPage,
  Marker,
  OldestQuery,
  PageQuery,
  Pin,
  RemovalClaim,
  RepositoriesQuery,
  RepositorySums,
  UsageIndex,
  UsageRecord,
  UsageTotals,
  Use,
} from './usage-index.ts';

const FORMAT = 1;
/** LMDB creates its lock file next to it. */
const DATA_FILE = 'usage.mdb';
const COUNTERS = 'counters';

export interface LmdbIndexOptions {
  /** Created when missing. */
  readonly directory: string;
  /** The directory is removed at the end. */
  readonly temporary?: boolean;
  /** Called once the files are closed. */
  readonly onClosed?: () => Promise<void>;
}

/**
 * The index in memory-mapped files in a directory. Opening it reads almost nothing. Several processes may have it open; a killed process
 * leaves it intact.
 */
export class LmdbIndex implements UsageIndex {
  readonly isShared = false;
  readonly #options: LmdbIndexOptions;
  readonly #root: RootDatabase;
  readonly #tables: LmdbTables;
  #closed: Promise<void> | undefined;

  private constructor(options: LmdbIndexOptions, root: RootDatabase) {
    this.#options = options;
    this.#root = root;
    this.#tables = new LmdbTables(root);
  }

  /** @throws {FilesDamagedError} */
  static async open(options: LmdbIndexOptions): Promise<LmdbIndex> {
    await mkdir(options.directory, { recursive: true });
    const path = join(options.directory, DATA_FILE);
    await checkHeader(path);
    await createLockFile(path);
    let root: RootDatabase | undefined;
    try {
      root = openEnvironment({ path, noSubdir: true, maxDbs: 16, noSync: options.temporary === true });
      await checkLength(path, root);
      const index = new LmdbIndex(options, root);
      index.#checkFormat();
      await index.#tables.countRepositories();
      index.#tables.dropStaleSums();
      return index;
    } catch (err) {
      await root?.close();
      throw orDamaged(err);
    }
  }

  /**
   * Reads everything and writes a little: 0.3 s for 100 000 references. Damaged pages can end the process instead (`SIGSEGV`, `SIGBUS`,
   * `SIGABRT`).
   *
   * @throws {FilesDamagedError}
   */
  verify(): void {
    try {
      this.#tables.meta.putSync('format', FORMAT);
      this.#tables.verify();
    } catch (err) {
      throw orDamaged(err);
    }
  }

  async record(uses: readonly Use[]): Promise<void> {
    for (const some of inSlices(uses)) {
      this.#tables.write((totals) => some.reduce((sums, use) => this.#tables.record(sums, use), totals));
      if (uses.length > TRANSACTION_SIZE) await nextTurn();
    }
  }

  async beginLink(use: Use): Promise<() => Promise<void>> {
    await this.#tables.writeTogether((totals) => this.#tables.record(totals, use));
    return async () => {};
  }

  /** Other processes do not change the content; within this process there are locks. */
  async claim(): Promise<RemovalClaim> {
    return { assertHeld: () => {}, release: async () => {} };
  }

  async find(reference: ContentReference): Promise<UsageRecord | undefined> {
    const stored = this.#tables.uses.get(toReferenceKey(reference));
    return stored && toRecord(reference, stored);
  }

  findAll(references: readonly ContentReference[]): Promise<(UsageRecord | undefined)[]> {
    return Promise.all(references.map((reference) => this.find(reference)));
  }

  async oldest({ kind, before, after, limit }: OldestQuery): Promise<UsageRecord[]> {
    const kinds = kind === undefined ? (['manifest', 'blob'] as const) : [kind];
    const found = kinds.flatMap((each) => {
      const first =
        after?.kind === each
          ? [kindCode(each), after.rank, after.repository, packDigest(after.digest)]
          : [kindCode(each)];
      const [start, end] = [first, [kindCode(each), before]] as unknown as [QueueKey, QueueKey];
      return [...this.#tables.queue.getKeys({ start, exclusiveStart: first.length > 1, end, limit })];
    });
    found.sort((a, b) => a[1] - b[1]);
    return found.slice(0, limit).flatMap(([code, , repository, digest]) => {
      const key: ReferenceKey = [repository, digest, code];
      const stored = this.#tables.uses.get(key);
      return stored ? [toRecord(fromReferenceKey(key), stored)] : [];
    });
  }

  async defer(references: readonly ContentReference[], rank: number): Promise<void> {
    this.#tables.write((totals) => {
      for (const reference of references) {
        const key = toReferenceKey(reference);
        const stored = this.#tables.uses.get(key);
        if (!stored) continue;
        this.#tables.move(key, stored, [stored[0], stored[1], rank]);
      }
      return totals;
    });
  }

  async removeUnused(record: UsageRecord): Promise<boolean> {
    if ((await this.find(record))?.lastUsedAt !== record.lastUsedAt) return false;
    await this.remove([record]);
    return true;
  }

  async remove(references: readonly ContentReference[]): Promise<void> {
    for (const some of inSlices(references)) {
      this.#tables.write((totals) => some.reduce((sums, reference) => this.#tables.remove(sums, reference), totals));
    }
  }

  async holders(digest: Digest, { after, limit }: HoldersPage = { limit: Infinity }): Promise<Holder[]> {
    const packed = packDigest(digest);
    const start: HolderKey | undefined = after && [packed, after.repository, kindCode(after.kind)];
    const found: Holder[] = [];
    for await (const { key } of entriesOf(this.#tables.holders, packed, start)) {
      if (found.length >= limit) break;
      found.push(fromHolderKey(key));
    }
    return found;
  }

  async unreferencedDigests({ after, limit }: { readonly after?: Digest; readonly limit: number }): Promise<Digest[]> {
    const range = after ? { start: packDigest(after), exclusiveStart: true, limit } : { limit };
    return [...this.#tables.unreferenced.getKeys(range)].map(unpackDigest);
  }

  async recordUnreferenced({ digest, size }: { readonly digest: Digest; readonly size: number }): Promise<void> {
    this.#tables.write((totals) => this.#tables.recordUnreferenced(totals, packDigest(digest), size));
  }

  async bytesRemoved(digest: Digest): Promise<void> {
    this.#tables.write((totals) => this.#tables.bytesRemoved(totals, packDigest(digest)));
  }

  async partsOf(manifest: Digest): Promise<readonly Digest[] | undefined> {
    return this.#tables.parts.get(packDigest(manifest))?.map(unpackDigest);
  }

  partsOfAll(manifests: readonly Digest[]): Promise<(readonly Digest[] | undefined)[]> {
    return Promise.all(manifests.map((manifest) => this.partsOf(manifest)));
  }

  async *parentsOf(part: Digest): AsyncGenerator<Digest, void, void> {
    for await (const { key } of entriesOf(this.#tables.parents, packDigest(part))) yield unpackDigest(key[1]);
  }

  async putParts(manifest: Digest, parts: readonly Digest[]): Promise<void> {
    const packedManifest = packDigest(manifest);
    const packed = [...new Set(parts)].map(packDigest);
    await this.#tables.writeTogether((totals) => {
      this.#tables.parts.putSync(packedManifest, packed);
      for (const part of packed) this.#tables.parents.putSync([part, packedManifest], true);
      return totals;
    });
  }

  async page({ after, limit }: PageQuery): Promise<UsageRecord[]> {
    const start = after && toReferenceKey(after);
    const range = this.#tables.uses.getRange(start ? { start, exclusiveStart: true, limit } : { limit });
    return [...range].map(({ key, value }) => toRecord(fromReferenceKey(key), value));
  }

  async *ofRepository(repository: string): AsyncGenerator<UsageRecord, void, void> {
    for await (const { key, value } of entriesOf(this.#tables.uses, repository)) {
      yield toRecord(fromReferenceKey(key), value);
    }
  }

  async repositories(query: RepositoriesQuery): Promise<RepositorySums[]> {
    const { repositories } = this.#tables;
    await repositories.complete(this.#tables.totals().repositories);
    return repositories.page(query);
  }

  async sumsOf(repository: string): Promise<RepositorySums | undefined> {
    const { repositories } = this.#tables;
    await repositories.complete(this.#tables.totals().repositories);
    return repositories.find(repository);
  }

  async totals(): Promise<UsageTotals> {
    const { bytes, digests, references, repositories } = this.#tables.totals();
    return { bytes, digests, references, repositories };
  }

  async reserve(fills: ReadonlyMap<Digest, number>): Promise<number> {
    let bytes = 0;
    for (const [digest, size] of fills) {
      if (!this.#tables.digests.get(packDigest(digest))?.[0]) bytes += size;
    }
    return bytes;
  }

  async unreserve(): Promise<void> {}

  async isLossless(): Promise<boolean> {
    return true;
  }

  recount(): Promise<void> {
    return this.#tables.recount();
  }

  async pins(): Promise<Pin[]> {
    return [...this.#tables.pins.getRange()].map(({ key, value }) => pinOf(key, value));
  }

  async pin(pin: Pin): Promise<void> {
    this.#tables.pins.putSync(pinKey(pin), pin.pinnedAt);
  }

  async unpin(pin: Pick<Pin, 'pattern' | 'bundle'>): Promise<boolean> {
    return this.#tables.pins.removeSync(pinKey(pin));
  }

  async marker(name: Marker): Promise<string | undefined> {
    return this.#tables.meta.get(`marker-${name}`) as string | undefined;
  }

  async setMarker(name: Marker, value: string | undefined): Promise<void> {
    if (value === undefined) this.#tables.meta.removeSync(`marker-${name}`);
    else this.#tables.meta.putSync(`marker-${name}`, value);
  }

  texts(table: TextTableName): TextTable {
    return new LmdbTexts(this.#tables.texts, table);
  }

  async counters(): Promise<Counters> {
    return (this.#tables.meta.get(COUNTERS) as Counters | undefined) ?? { since: undefined, sums: {} };
  }

  async count(amounts: Readonly<Record<string, number>>, at: number): Promise<void> {
    await this.#tables.writeTogether((totals) => {
      const { since = at, sums } = (this.#tables.meta.get(COUNTERS) as Counters | undefined) ?? { sums: {} };
      this.#tables.meta.putSync(COUNTERS, { since, sums: added(sums, amounts) });
      return totals;
    });
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#tables.writeDue();
    await this.#root.close();
    await this.#options.onClosed?.();
    if (this.#options.temporary) await rm(this.#options.directory, { recursive: true, force: true });
  }

  #checkFormat(): void {
    const format = this.#tables.meta.get('format');
    if (format === undefined) this.#tables.meta.putSync('format', FORMAT);
    else if (format !== FORMAT)
      throw new FilesDamagedError(`format ${JSON.stringify(format)}, this version writes ${FORMAT}`);
  }
}

function toRecord(reference: ContentReference, [size, lastUsedAt, rank]: StoredUse): UsageRecord {
  return { ...reference, size, lastUsedAt, rank };
}

function* inSlices<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let start = 0; start < items.length; start += TRANSACTION_SIZE)
    yield items.slice(start, start + TRANSACTION_SIZE);
}

function added(sums: Counters['sums'], amounts: Readonly<Record<string, number>>): Counters['sums'] {
  const changed = Object.entries(amounts).map(([name, amount]) => [name, (sums[name] ?? 0) + amount] as const);
  return { ...sums, ...Object.fromEntries(changed) };
}
