import { type Block, MIN_BLOCK_BYTES, SLAB_BYTES, Slabs } from './slabs.ts';

/** One with the consumer, one being read into. */
const BUFFERS_PER_READER = 2;

export interface BufferPoolOptions {
  /** What all buffers together are to take. Bytes, at least 2 MiB. @default 16 MiB */
  readonly budgetBytes?: number;
}

/**
 * Buffers that are used again and again to carry files to sockets, so that memory depends
 * neither on the sizes of the files nor on how long they are being read.
 *
 * Chunks shrink from 2 MiB to 16 KiB as readers become more. The budget is exceeded only to give every
 * reader one buffer. Memory that has been needed once is kept.
 */
export class BufferPool {
  readonly #budgetBytes: number;
  readonly #slabs = new Slabs();
  #readers = 0;

  constructor({ budgetBytes = 8 * SLAB_BYTES }: BufferPoolOptions = {}) {
    this.#budgetBytes = budgetBytes;
  }

  /** Buffers for one reader, who ends the lease whatever happens. */
  lease(): BufferLease {
    this.#readers++;
    return new BufferLease({
      take: (wantedBytes, must) => this.#take(wantedBytes, must),
      give: (block) => this.#slabs.give(block),
      end: () => void this.#readers--,
    });
  }

  /** Bytes per chunk with as many readers as there are now: a power of two. */
  get chunkBytes(): number {
    const share = this.#budgetBytes / (BUFFERS_PER_READER * Math.max(this.#readers, 1));
    return Math.min(Math.max(2 ** Math.floor(Math.log2(share)), MIN_BLOCK_BYTES), SLAB_BYTES);
  }

  /** Bytes of memory kept, and how many of them readers hold. */
  get stats(): { readonly readers: number; readonly bytes: number; readonly used: number } {
    return { readers: this.#readers, bytes: this.#slabs.bytes, used: this.#slabs.usedBytes };
  }

  #take(wantedBytes: number, must: boolean): Block | undefined {
    let length = MIN_BLOCK_BYTES;
    while (length < wantedBytes && length < this.chunkBytes) length *= 2;
    const block = this.#slabs.take(length);
    if (block) return block;
    if (this.#slabs.bytes + SLAB_BYTES <= this.#budgetBytes) return this.#takeFromNewSlab(length);
    // What is left is in smaller pieces.
    for (let less = length / 2; less >= MIN_BLOCK_BYTES; less /= 2) {
      const smaller = this.#slabs.take(less);
      if (smaller) return smaller;
    }
    return must ? this.#takeFromNewSlab(length) : undefined;
  }

  #takeFromNewSlab(length: number): Block | undefined {
    this.#slabs.addSlab();
    return this.#slabs.take(length);
  }
}

interface PoolAccess {
  /** Never undefined when it `must`. */
  take(wantedBytes: number, must: boolean): Block | undefined;
  give(block: Block): void;
  end(): void;
}

/** The buffers one reader holds. A buffer must not be given back while something still reads into it or from it. */
export class BufferLease {
  readonly #pool: PoolAccess;
  readonly #held = new Map<Buffer, Block>();
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
    const block = this.#pool.take(wantedBytes, this.#held.size === 0);
    if (block) this.#held.set(block.buffer, block);
    return block?.buffer;
  }

  give(buffer: Buffer): void {
    const block = this.#held.get(buffer);
    if (block && this.#held.delete(buffer)) this.#pool.give(block);
  }

  /** Gives back what is held. Safe to call again. */
  end(): void {
    for (const block of this.#held.values()) this.#pool.give(block);
    this.#held.clear();
    if (!this.#ended) this.#pool.end();
    this.#ended = true;
  }
}
