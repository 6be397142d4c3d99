/** Fewer, larger reads are faster; above this nothing is gained. Bytes. */
const MAX_CHUNK_BYTES = 1024 * 1024;
const MIN_CHUNK_BYTES = 64 * 1024;

/** One with the consumer, one being read into. */
const BUFFERS_PER_READER = 2;

export interface BufferPoolOptions {
  /** What all buffers together may take, in use or kept for the next reader. Bytes. @default 32 MiB */
  readonly budgetBytes?: number;
}

/**
 * Buffers that are used again and again to carry files to sockets, so that memory depends
 * neither on the sizes of the files nor on how many are being read.
 *
 * Chunks shrink from 1 MiB to 64 KiB as readers become more. The budget is exceeded only to
 * give every reader one buffer, so by 64 KiB each beyond `budgetBytes / 64 KiB` readers.
 */
export class BufferPool {
  readonly #budgetBytes: number;
  /** Kept buffers by their length. The last one returned is given out first: it is still in the CPU's cache. */
  readonly #kept = new Map<number, Buffer[]>();
  #keptBytes = 0;
  #usedBytes = 0;
  #readers = 0;

  constructor({ budgetBytes = 32 * MAX_CHUNK_BYTES }: BufferPoolOptions = {}) {
    this.#budgetBytes = budgetBytes;
  }

  /** Buffers for one reader, who ends the lease. */
  lease(): BufferLease {
    this.#readers++;
    return new BufferLease({
      take: (wantedBytes, must) => this.#take(wantedBytes, must),
      give: (buffer) => this.#give(buffer),
      forget: (buffer) => void (this.#usedBytes -= buffer.length),
      end: () => void this.#readers--,
    });
  }

  /** Bytes per chunk with as many readers as there are now: a power of two. */
  get chunkBytes(): number {
    const share = this.#budgetBytes / (BUFFERS_PER_READER * Math.max(this.#readers, 1));
    return Math.min(Math.max(2 ** Math.floor(Math.log2(share)), MIN_CHUNK_BYTES), MAX_CHUNK_BYTES);
  }

  /** `bytes` are in use or kept; `used` only counts what a reader holds. */
  get stats(): { readonly readers: number; readonly bytes: number; readonly used: number } {
    return { readers: this.#readers, bytes: this.#usedBytes + this.#keptBytes, used: this.#usedBytes };
  }

  #take(wantedBytes: number, must: boolean): Buffer | undefined {
    let length = MIN_CHUNK_BYTES;
    while (length < wantedBytes && length < this.chunkBytes) length *= 2;
    if (!must && this.#usedBytes + length > this.#budgetBytes) return undefined;
    const kept = this.#kept.get(length)?.pop();
    if (kept) this.#keptBytes -= length;
    this.#usedBytes += length;
    this.#trim();
    return kept ?? Buffer.allocUnsafeSlow(length);
  }

  #give(buffer: Buffer): void {
    const { length } = buffer;
    const kept = this.#kept.get(length) ?? [];
    this.#kept.set(length, kept);
    kept.push(buffer);
    this.#usedBytes -= length;
    this.#keptBytes += length;
    this.#trim();
  }

  #trim(): void {
    for (const [length, kept] of this.#kept) {
      while (this.#usedBytes + this.#keptBytes > this.#budgetBytes && kept.pop()) this.#keptBytes -= length;
    }
  }
}

interface PoolAccess {
  take(wantedBytes: number, must: boolean): Buffer | undefined;
  give(buffer: Buffer): void;
  forget(buffer: Buffer): void;
  end(): void;
}

/** The buffers one reader holds. A buffer must not be given back while something still reads into it or from it. */
export class BufferLease {
  readonly #pool: PoolAccess;
  readonly #held = new Set<Buffer>();
  #ended = false;

  constructor(pool: PoolAccess) {
    this.#pool = pool;
  }

  /**
   * A buffer for up to `wantedBytes`, often shorter. A lease that holds none always gets one;
   * one that holds some gets another only while the budget lasts.
   */
  take(wantedBytes: number): Buffer | undefined {
    if (this.#ended) throw new Error('buffer lease has ended');
    const buffer = this.#pool.take(wantedBytes, this.#held.size === 0);
    if (buffer) this.#held.add(buffer);
    return buffer;
  }

  give(buffer: Buffer): void {
    if (this.#held.delete(buffer)) this.#pool.give(buffer);
  }

  /** Gives back what is held. Safe to call again. */
  end(): void {
    for (const buffer of this.#held) this.#pool.give(buffer);
    this.#finish();
  }

  /** Ends without giving back: somebody may still look at the buffers, so they are left to the garbage collector. */
  abandon(): void {
    for (const buffer of this.#held) this.#pool.forget(buffer);
    this.#finish();
  }

  #finish(): void {
    this.#held.clear();
    if (!this.#ended) this.#pool.end();
    this.#ended = true;
  }
}
