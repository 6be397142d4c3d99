import { HOME, type RadosBlobs } from './blobs.ts';
import type { RadosDirectories } from './directories.ts';
import type { RadosPool } from './pool.ts';
import { ifChanged, ifMissing } from './rados-error.ts';

/** Its omap has the blobs that are being written: ids, and texts of {@link Entry}. Not a path, so no file can have this name. */
const OBJECT = 'layover:unfinished';
const PAGE_KEYS = 1000;
/** Interval between two searches. Milliseconds. */
const INTERVAL_MS = 3_600_000;

interface Entry {
  readonly startedAt: number;
  readonly chunkCount: number;
  /** Where the blob will be. */
  readonly path: string;
}

export interface UnfinishedBlobsOptions {
  readonly pool: RadosPool;
  readonly blobs: RadosBlobs;
  readonly directories: RadosDirectories;
  readonly abandonedAfterMs: number;
}

/** A list, in the pool, of large blobs without a name. When the process that writes one is killed, another one removes its chunks. */
export class UnfinishedBlobs {
  readonly #options: UnfinishedBlobsOptions;
  /** Blobs of this process, which are not abandoned. */
  readonly #running = new Set<string>();
  #search: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: UnfinishedBlobsOptions) {
    this.#options = options;
  }

  /** Lists a blob. The first call also starts to look for abandoned ones, now and periodically. */
  async add(id: string, blob: Omit<Entry, 'startedAt'>): Promise<ListedBlob> {
    this.#startSearches();
    const { pool } = this.#options;
    this.#running.add(id);
    const listed = new ListedBlob({ pool, id, blob, onRemove: () => this.#running.delete(id) });
    await listed.write();
    return listed;
  }

  /** Waits for the end of a search. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#search;
  }

  #startSearches(): void {
    if (this.#timer) return;
    const search = () => {
      // A search that failed is repeated with the next one.
      this.#search = this.#removeAbandoned().catch(() => {});
    };
    search();
    this.#timer = setInterval(search, INTERVAL_MS).unref();
  }

  async #removeAbandoned(): Promise<void> {
    const { pool, abandonedAfterMs } = this.#options;
    const before = Date.now() - abandonedAfterMs;
    for (let after = '', hasMore = true; hasMore; ) {
      const page = await pool.keys(OBJECT, after, PAGE_KEYS).catch(ifMissing({ entries: [], hasMore: false }));
      for (const [id, text] of page.entries) {
        after = id;
        if (parseEntry(text).startedAt <= before && !this.#running.has(id)) await this.#remove(id, text);
      }
      ({ hasMore } = page);
    }
  }

  async #remove(id: string, text: string): Promise<void> {
    const { pool, blobs, directories } = this.#options;
    const { path, chunkCount } = parseEntry(text);
    const isLinked = (await directories.find(path)) === id || (await blobs.text(id, HOME)) !== undefined;
    const claimed = await pool
      .write(OBJECT, [
        { do: 'if-key', key: id, value: text },
        { do: 'remove-key', key: id },
      ])
      .then(() => true)
      .catch(ifChanged);
    if (claimed && !isLinked) await blobs.removeChunks(id, chunkCount);
  }
}

interface ListedBlobOptions {
  readonly pool: RadosPool;
  readonly id: string;
  readonly blob: Omit<Entry, 'startedAt'>;
  readonly onRemove: () => void;
}

/** A blob of this process in the list. */
export class ListedBlob {
  readonly #options: ListedBlobOptions;
  #text = '';

  constructor(options: ListedBlobOptions) {
    this.#options = options;
  }

  async write(): Promise<void> {
    const { pool, id, blob } = this.#options;
    this.#text = formatEntry({ ...blob, startedAt: Date.now() });
    await pool.write(OBJECT, [{ do: 'set-key', key: id, value: this.#text }]);
  }

  /** Before the blob gets its name. @throws {Error} when another process removed it as abandoned */
  async renew(): Promise<void> {
    const { pool, id, blob } = this.#options;
    const before = this.#text;
    this.#text = formatEntry({ ...blob, startedAt: Date.now() });
    const renewed = await pool
      .write(OBJECT, [
        { do: 'if-key', key: id, value: before },
        { do: 'set-key', key: id, value: this.#text },
      ])
      .then(() => true)
      .catch(ifChanged);
    if (!renewed) throw new Error(`${blob.path} took too long, and was removed as abandoned`);
  }

  /** When the blob has its name, or its chunks are removed. Never fails: an entry that stays is checked later. */
  async remove(): Promise<void> {
    const { pool, id, onRemove } = this.#options;
    onRemove();
    await pool.write(OBJECT, [{ do: 'remove-key', key: id }]).catch(() => {});
  }
}

function formatEntry({ startedAt, chunkCount, path }: Entry): string {
  return `${startedAt} ${chunkCount} ${path}`;
}

function parseEntry(text: string): Entry {
  const [startedAt, chunkCount, path = ''] = text.split(' ');
  return { startedAt: Number(startedAt), chunkCount: Number(chunkCount), path };
}
