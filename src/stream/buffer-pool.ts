import { type Block, MIN_BLOCK_BYTES, SLAB_BYTES, Slabs } from './slabs.ts';

/** One that the consumer reads, one that is being filled. */
const BUFFERS_PER_READER = 2;
/** More than the threads that read, so that these never wait. */
const MAX_READS = 16;

export interface BufferPoolOptions {
  /** Memory for all buffers together. Bytes, at least 2 MiB. @default 16 MiB */
  readonly budgetBytes?: number;
}

/**
 * Reusable buffers for reading files, so that memory depends neither on the sizes of files nor on how long they are read.
 *
 * Chunks shrink from 2 MiB to 16 KiB as the number of readers grows. The budget is exceeded only to give every reader one
 * buffer, and for {@link BufferLease.require}. Memory is never returned to the system.
 */
export class BufferPool {
  readonly #budgetBytes: number;
  readonly #slabs = new Slabs();
  #readers = 0;
  #reads = 0;
  readonly #waiting: (() => void)[] = [];
  /** That all readers would use together. */
  #wantedBuffers = 0;

  constructor({ budgetBytes = 8 * SLAB_BYTES }: BufferPoolOptions = {}) {
    this.#budgetBytes = budgetBytes;
  }

  /** Buffers for one reader, which must end the lease. @param buffers its share of the budget, as a number of buffers */
  lease(buffers = BUFFERS_PER_READER): BufferLease {
    this.#readers++;
    this.#wantedBuffers += buffers;
    return new BufferLease({
      take: (wantedBytes) => this.#take(wantedBytes) ?? this.#takeFromNewSlab(this.#lengthFor(wantedBytes)),
      tryTake: (wantedBytes) => this.#take(wantedBytes),
      give: (block) => this.#slabs.give(block),
      end: () => {
        this.#readers--;
        this.#wantedBuffers -= buffers;
      },
    });
  }

  /**
   * Runs a read of a file into a buffer, when it is its turn. Only a few run at a time: with thousands of readers, each turn of the event
   * loop would handle the reads of all of them, and other uses of the disk would wait behind these.
   */
  async read<T>(work: () => Promise<T>): Promise<T> {
    if (this.#reads < MAX_READS) this.#reads++;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#reads--;
    }
  }

  /** Bytes per chunk for the present number of readers: a power of two. */
  get chunkBytes(): number {
    const share = this.#budgetBytes / Math.max(this.#wantedBuffers, BUFFERS_PER_READER);
    return Math.min(Math.max(2 ** Math.floor(Math.log2(share)), MIN_BLOCK_BYTES), SLAB_BYTES);
  }

  /** Bytes of allocated memory, and those of them that readers use. */
  get stats(): { readonly readers: number; readonly bytes: number; readonly used: number } {
    return { readers: this.#readers, bytes: this.#slabs.bytes, used: this.#slabs.usedBytes };
  }

  /** Stays within the budget. */
  #take(wantedBytes: number): Block | undefined {
    const length = this.#lengthFor(wantedBytes);
    const block = this.#slabs.take(length);
    if (block) return block;
    if (this.#slabs.bytes + SLAB_BYTES <= this.#budgetBytes) return this.#takeFromNewSlab(length);
    // The free memory consists of smaller blocks.
    for (let less = length / 2; less >= MIN_BLOCK_BYTES; less /= 2) {
      const smaller = this.#slabs.take(less);
      if (smaller) return smaller;
    }
    return undefined;
  }

  #lengthFor(wantedBytes: number): number {
    let length = MIN_BLOCK_BYTES;
    while (length < wantedBytes && length < this.chunkBytes) length *= 2;
    return length;
  }

  #takeFromNewSlab(length: number): Block {
    this.#slabs.addSlab();
    return this.#slabs.take(length) as Block;
  }
}

interface PoolAccess {
  /** Exceeds the budget when necessary. */
  take(wantedBytes: number): Block;
  tryTake(wantedBytes: number): Block | undefined;
  give(block: Block): void;
  end(): void;
}

/** The buffers of one reader. A buffer must not be returned while it is still being read or filled. */
export class BufferLease {
  readonly #pool: PoolAccess;
  readonly #held = new Map<Buffer, Block>();
  #ended = false;

  constructor(pool: PoolAccess) {
    this.#pool = pool;
  }

  /**
   * A buffer for at most `wantedBytes`, often a shorter one. The first buffer of a lease is always available, further ones
   * only within the budget.
   */
  take(wantedBytes: number): Buffer | undefined {
    if (this.#held.size === 0) return this.require(wantedBytes);
    this.#assertOpen();
    const block = this.#pool.tryTake(wantedBytes);
    if (block) this.#held.set(block.buffer, block);
    return block?.buffer;
  }

  /** A buffer for at most `wantedBytes`, beyond the budget when necessary: for a reader that would stop without it. */
  require(wantedBytes: number): Buffer {
    this.#assertOpen();
    const block = this.#pool.take(wantedBytes);
    this.#held.set(block.buffer, block);
    return block.buffer;
  }

  give(buffer: Buffer): void {
    const block = this.#held.get(buffer);
    if (block && this.#held.delete(buffer)) this.#pool.give(block);
  }

  /** Returns all buffers. Can be called again. */
  end(): void {
    for (const block of this.#held.values()) this.#pool.give(block);
    this.#held.clear();
    if (!this.#ended) this.#pool.end();
    this.#ended = true;
  }

  #assertOpen(): void {
    if (this.#ended) throw new Error('buffer lease has ended');
  }
}
