import { mkdir, open, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { type Database, open as openEnvironment, type RootDatabase } from 'lmdb';

import type { Digest } from '../oci/digest.ts';
import {
  fromHolderKey,
  fromReferenceKey,
  type HolderKey,
  kindCode,
  type PackedDigest,
  packDigest,
  type QueueKey,
  type ReferenceKey,
  toReferenceKey,
  unpackDigest,
} from './index-keys.ts';
import type {
  ContentReference,
  Holder,
  Marker,
  OldestQuery,
  PageQuery,
  Pin,
  UsageIndex,
  UsageRecord,
  UsageTotals,
  Use,
} from './usage-index.ts';

/** Size in bytes, last use and rank in Unix milliseconds. */
type StoredUse = [size: number, lastUsedAt: number, rank: number];
/** Bytes, and how many references there are. */
type StoredDigest = [size: number, references: number];

/** References written in one transaction: it holds the event loop for some 50 µs each in a large index. */
const TRANSACTION_SIZE = 20;
const FORMAT = 1;
/** LMDB puts its lock beside it. */
const DATA_FILE = 'usage.mdb';
const NO_TOTALS: UsageTotals = { bytes: 0, digests: 0, references: 0 };

/** The files are none of LMDB's, or cut off, or of another version. */
export class IndexDamagedError extends Error {
  override readonly name = 'IndexDamagedError';
}

export interface LmdbIndexOptions {
  /** Made when missing. */
  readonly directory: string;
  /** Nothing has to outlive the process: the directory is removed at the end. */
  readonly temporary?: boolean;
}

/**
 * The index in a directory of files that are mapped into memory. Opening it reads next to nothing. Several processes may have
 * it open; one that is killed leaves it whole.
 */
export class LmdbIndex implements UsageIndex {
  readonly #options: LmdbIndexOptions;
  readonly #root: RootDatabase;
  readonly #uses: Database<StoredUse, ReferenceKey>;
  readonly #queue: Database<true, QueueKey>;
  readonly #holders: Database<true, HolderKey>;
  readonly #digests: Database<StoredDigest, PackedDigest>;
  readonly #loose: Database<true, PackedDigest>;
  readonly #parts: Database<PackedDigest[], PackedDigest>;
  readonly #wholes: Database<true, [part: PackedDigest, whole: PackedDigest]>;
  readonly #pins: Database<number, string>;
  readonly #meta: Database<unknown, string>;

  private constructor(options: LmdbIndexOptions, root: RootDatabase) {
    this.#options = options;
    this.#root = root;
    this.#uses = root.openDB({ name: 'uses' });
    this.#queue = root.openDB({ name: 'queue' });
    this.#holders = root.openDB({ name: 'holders' });
    this.#digests = root.openDB({ name: 'digests' });
    this.#loose = root.openDB({ name: 'loose' });
    this.#parts = root.openDB({ name: 'parts' });
    this.#wholes = root.openDB({ name: 'wholes' });
    this.#pins = root.openDB({ name: 'pins' });
    this.#meta = root.openDB({ name: 'meta' });
  }

  /** @throws {IndexDamagedError} */
  static async open(options: LmdbIndexOptions): Promise<LmdbIndex> {
    await mkdir(options.directory, { recursive: true });
    const path = join(options.directory, DATA_FILE);
    await checkHeader(path);
    const root = openEnvironment({
      path,
      noSubdir: true,
      maxDbs: 16,
      noSync: options.temporary === true,
    });
    try {
      await checkLength(path, root);
      const index = new LmdbIndex(options, root);
      index.#checkFormat();
      return index;
    } catch (err) {
      await root.close();
      throw err;
    }
  }

  async record(uses: readonly Use[]): Promise<void> {
    for (const some of inSlices(uses)) {
      this.#write((totals) => some.reduce((sums, use) => this.#record(sums, use), totals));
      if (uses.length > TRANSACTION_SIZE) await nextTurn();
    }
  }

  async find(reference: ContentReference): Promise<UsageRecord | undefined> {
    const stored = this.#uses.get(toReferenceKey(reference));
    return stored && toRecord(reference, stored);
  }

  async oldest({ kind, before, limit }: OldestQuery): Promise<UsageRecord[]> {
    const kinds = kind === undefined ? (['manifest', 'blob'] as const) : [kind];
    const found = kinds.flatMap((each) => {
      const [start, end] = [[kindCode(each)], [kindCode(each), before]] as unknown as [QueueKey, QueueKey];
      return [...this.#queue.getKeys({ start, end, limit })];
    });
    found.sort((a, b) => a[1] - b[1]);
    return found.slice(0, limit).flatMap(([code, , repository, digest]) => {
      const key: ReferenceKey = [repository, digest, code];
      const stored = this.#uses.get(key);
      return stored ? [toRecord(fromReferenceKey(key), stored)] : [];
    });
  }

  async defer(references: readonly ContentReference[], rank: number): Promise<void> {
    this.#write((totals) => {
      for (const reference of references) {
        const key = toReferenceKey(reference);
        const stored = this.#uses.get(key);
        if (!stored) continue;
        this.#move(key, stored, [stored[0], stored[1], rank]);
      }
      return totals;
    });
  }

  async remove(references: readonly ContentReference[]): Promise<void> {
    for (const some of inSlices(references)) {
      this.#write((totals) => some.reduce((sums, reference) => this.#remove(sums, reference), totals));
    }
  }

  async holders(digest: Digest): Promise<Holder[]> {
    const packed = packDigest(digest);
    const start = [packed] as unknown as HolderKey;
    const found: Holder[] = [];
    for (const key of this.#holders.getKeys({ start })) {
      if (key[0] !== packed) break;
      found.push(fromHolderKey(key));
    }
    return found;
  }

  async looseDigests({ after, limit }: { readonly after?: Digest; readonly limit: number }): Promise<Digest[]> {
    const range = after ? { start: packDigest(after), exclusiveStart: true, limit } : { limit };
    return [...this.#loose.getKeys(range)].map(unpackDigest);
  }

  async recordLoose({ digest, size }: { readonly digest: Digest; readonly size: number }): Promise<void> {
    const packed = packDigest(digest);
    this.#write((totals) => {
      if (this.#digests.get(packed)) return totals;
      this.#digests.putSync(packed, [size, 0]);
      this.#loose.putSync(packed, true);
      return { ...totals, bytes: totals.bytes + size, digests: totals.digests + 1 };
    });
  }

  async bytesRemoved(digest: Digest): Promise<void> {
    const packed = packDigest(digest);
    this.#write((totals) => {
      this.#loose.removeSync(packed);
      const stored = this.#digests.get(packed);
      if (!stored) return totals;
      const [size, references] = stored;
      if (references > 0) {
        this.#digests.putSync(packed, [0, references]);
        return { ...totals, bytes: totals.bytes - size };
      }
      this.#digests.removeSync(packed);
      this.#forgetParts(packed);
      return { ...totals, bytes: totals.bytes - size, digests: totals.digests - 1 };
    });
  }

  async partsOf(manifest: Digest): Promise<readonly Digest[] | undefined> {
    return this.#parts.get(packDigest(manifest))?.map(unpackDigest);
  }

  async wholesOf(part: Digest): Promise<Digest[]> {
    const packed = packDigest(part);
    const found: Digest[] = [];
    for (const [of, whole] of this.#wholes.getKeys({ start: [packed] as unknown as [string, string] })) {
      if (of !== packed) break;
      found.push(unpackDigest(whole));
    }
    return found;
  }

  async putParts(manifest: Digest, parts: readonly Digest[]): Promise<void> {
    const whole = packDigest(manifest);
    const packed = [...new Set(parts)].map(packDigest);
    this.#write((totals) => {
      this.#parts.putSync(whole, packed);
      for (const part of packed) this.#wholes.putSync([part, whole], true);
      return totals;
    });
  }

  async page({ after, limit }: PageQuery): Promise<UsageRecord[]> {
    const start = after && toReferenceKey(after);
    const range = this.#uses.getRange(start ? { start, exclusiveStart: true, limit } : { limit });
    return [...range].map(({ key, value }) => toRecord(fromReferenceKey(key), value));
  }

  async ofRepository(repository: string): Promise<UsageRecord[]> {
    const found: UsageRecord[] = [];
    for (const { key, value } of this.#uses.getRange({ start: [repository] as unknown as ReferenceKey })) {
      if (key[0] !== repository) break;
      found.push(toRecord(fromReferenceKey(key), value));
    }
    return found;
  }

  async totals(): Promise<UsageTotals> {
    return this.#totals();
  }

  async recount(): Promise<void> {
    this.#root.transactionSync(() => {
      let bytes = 0;
      for (const { value } of this.#digests.getRange()) bytes += value[0];
      const totals = { bytes, digests: this.#digests.getKeysCount(), references: this.#uses.getKeysCount() };
      this.#meta.putSync('totals', totals);
    });
  }

  async pins(): Promise<Pin[]> {
    return [...this.#pins.getRange()].map(({ key, value }) => ({ pattern: key, pinnedAt: value }));
  }

  async pin({ pattern, pinnedAt }: Pin): Promise<void> {
    this.#pins.putSync(pattern, pinnedAt);
  }

  async unpin(pattern: string): Promise<boolean> {
    return this.#pins.removeSync(pattern);
  }

  async marker(name: Marker): Promise<string | undefined> {
    return this.#meta.get(`marker-${name}`) as string | undefined;
  }

  async setMarker(name: Marker, value: string | undefined): Promise<void> {
    if (value === undefined) this.#meta.removeSync(`marker-${name}`);
    else this.#meta.putSync(`marker-${name}`, value);
  }

  async close(): Promise<void> {
    await this.#root.close();
    if (this.#options.temporary) await rm(this.#options.directory, { recursive: true, force: true });
  }

  #checkFormat(): void {
    const format = this.#meta.get('format');
    if (format === undefined) this.#meta.putSync('format', FORMAT);
    else if (format !== FORMAT)
      throw new IndexDamagedError(`format ${JSON.stringify(format)}, this version writes ${FORMAT}`);
  }

  #totals(): UsageTotals {
    return (this.#meta.get('totals') as UsageTotals | undefined) ?? NO_TOTALS;
  }

  /**
   * One transaction. A synchronous one, although it holds the event loop until the pages are handed to the system (it does not wait
   * for the disk): the callbacks of lmdb's asynchronous ones are never called on Node.js 20.
   */
  #write(work: (totals: UsageTotals) => UsageTotals): void {
    this.#root.transactionSync(() => {
      const before = this.#totals();
      const after = work(before);
      if (after !== before) this.#meta.putSync('totals', after);
    });
  }

  #record(totals: UsageTotals, { size, at, onlyKnown, ...reference }: Use): UsageTotals {
    const key = toReferenceKey(reference);
    const known = this.#uses.get(key);
    if (!known && onlyKnown) return totals;
    const bytes = size ?? known?.[0] ?? 0;
    this.#move(key, known, [bytes, Math.max(at, known?.[1] ?? 0), Math.max(at, known?.[2] ?? 0)]);
    if (known && (size === undefined || size === known[0]) && this.#digests.get(key[1])?.[0] === bytes) return totals;
    if (!known) this.#holders.putSync([key[1], key[0], key[2]], true);
    const references = totals.references + (known ? 0 : 1);
    return this.#countDigest({ ...totals, references }, key[1], { bytes, isNew: !known });
  }

  #countDigest(
    totals: UsageTotals,
    digest: PackedDigest,
    { bytes, isNew }: { bytes: number; isNew: boolean },
  ): UsageTotals {
    const [size, references] = this.#digests.get(digest) ?? [0, 0];
    const isFirst = this.#digests.get(digest) === undefined;
    this.#loose.removeSync(digest);
    this.#digests.putSync(digest, [bytes, references + (isNew ? 1 : 0)]);
    return { ...totals, bytes: totals.bytes - size + bytes, digests: totals.digests + (isFirst ? 1 : 0) };
  }

  #remove(totals: UsageTotals, reference: ContentReference): UsageTotals {
    const key = toReferenceKey(reference);
    const known = this.#uses.get(key);
    if (!known) return totals;
    const [repository, digest, kind] = key;
    this.#uses.removeSync(key);
    this.#queue.removeSync([kind, known[2], repository, digest]);
    this.#holders.removeSync([digest, repository, kind]);
    const [size, references] = this.#digests.get(digest) ?? [known[0], 1];
    this.#digests.putSync(digest, [size, Math.max(0, references - 1)]);
    if (references <= 1) this.#loose.putSync(digest, true);
    return { ...totals, references: totals.references - 1 };
  }

  #move([repository, digest, kind]: ReferenceKey, from: StoredUse | undefined, to: StoredUse): void {
    if (from && from[2] !== to[2]) this.#queue.removeSync([kind, from[2], repository, digest]);
    this.#uses.putSync([repository, digest, kind], to);
    this.#queue.putSync([kind, to[2], repository, digest], true);
  }

  #forgetParts(whole: PackedDigest): void {
    for (const part of this.#parts.get(whole) ?? []) this.#wholes.removeSync([part, whole]);
    this.#parts.removeSync(whole);
  }
}

function toRecord(reference: ContentReference, [size, lastUsedAt, rank]: StoredUse): UsageRecord {
  return { ...reference, size, lastUsedAt, rank };
}

function* inSlices<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let start = 0; start < items.length; start += TRANSACTION_SIZE)
    yield items.slice(start, start + TRANSACTION_SIZE);
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** `mdb.c` of LMDB: `MDB_MAGIC`, behind the header of a page. */
const MAGIC = 0xbeefc0de;
const MAGIC_OFFSET = 24;

/** LMDB trusts what it maps into memory: other bytes than its own end the process, not the call. */
async function checkHeader(path: string): Promise<void> {
  const file = await open(path, 'r').catch((err: NodeJS.ErrnoException) => {
    if (err.code === 'ENOENT') return undefined;
    throw err;
  });
  if (!file) return;
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(MAGIC_OFFSET + 4), 0, MAGIC_OFFSET + 4, 0);
    const isEmpty = bytesRead === 0;
    const isOurs = bytesRead === buffer.length && buffer.readUInt32LE(MAGIC_OFFSET) === MAGIC;
    if (!isEmpty && !isOurs) throw new IndexDamagedError('the file does not begin as it should');
  } finally {
    await file.close();
  }
}

/** A page behind the end of the file, again, would end the process. */
async function checkLength(path: string, root: RootDatabase): Promise<void> {
  const { lastPageNumber = 0, pageSize = 0 } = root.getStats() as { lastPageNumber?: number; pageSize?: number };
  const { size } = await stat(path);
  if (size < (lastPageNumber + 1) * pageSize) throw new IndexDamagedError(`the file is cut off at ${size} bytes`);
}
