import type { BufferLease, BufferPool } from './buffer-pool.ts';

/** Blocks of one window. */
const MAX_BLOCKS = 4;
/** At most so many bytes are received at a time. */
const MAX_BLOCK_BYTES = 1024 * 1024;
/** The first block, before the size of the content is known. */
const FIRST_BLOCK_BYTES = 16 * 1024;
/** A shorter end of a block stays unused: to receive little at a time costs more than the memory. */
const MIN_RECEIVE_BYTES = 16 * 1024;
/** The others receive meanwhile. */
const MAX_WRITE_BLOCKS = MAX_BLOCKS / 2;

/** Consecutive bytes. */
interface WindowBlock {
  readonly buffer: Buffer;
  /** Position of the first byte. */
  readonly start: number;
  /** Position after the last received byte. */
  end: number;
  views: number;
}

/** Bytes that stay valid until they are released, which must be done once. */
export interface BytesView {
  readonly bytes: Uint8Array;
  release(): void;
}

/**
 * The newest bytes of a growing file in memory: those that will be written, and before them those that were written last.
 *
 * Readers get views instead of copies. A view keeps its block from being used again, so only half of the blocks can have views: a reader
 * that stops costs neither the writer its memory nor other readers theirs. Blocks beyond the first are used only within the budget of the
 * pool.
 */
export class SpoolWindow {
  readonly #lease: BufferLease;
  /** By position, without gaps. */
  readonly #blocks: WindowBlock[] = [];
  /** Blocks that have views, and are no longer in the window. */
  readonly #left = new Set<WindowBlock>();
  #received: number;
  #written: number;

  /** @param position of the first byte */
  constructor(buffers: BufferPool, position: number) {
    this.#lease = buffers.lease(MAX_BLOCKS);
    this.#received = position;
    this.#written = position;
  }

  /**
   * Memory for the next bytes.
   *
   * @param size of the whole content in bytes, when known
   * @returns undefined while all memory has bytes that are not written
   */
  free(size: number | undefined): Uint8Array | undefined {
    const last = this.#blocks.at(-1);
    const wanted = this.#wanted(size);
    if (last && freeBytes(last) >= Math.min(wanted, MIN_RECEIVE_BYTES)) return freeOf(last);
    const added = this.#add(Math.min(wanted, MAX_BLOCK_BYTES));
    return added && freeOf(added);
  }

  /** The next `bytes` bytes are at the front of the memory that {@link free} returned. */
  received(bytes: number): void {
    const block = this.#blocks.at(-1);
    if (!block || freeBytes(block) < bytes) throw new RangeError(`${bytes} bytes were received into less memory`);
    block.end += bytes;
    this.#received += bytes;
  }

  /** Bytes to be written next, in order. Empty when all are written. */
  unwritten(): Uint8Array[] {
    const blocks = this.#blocks.filter(({ end }) => end > this.#written);
    return blocks.slice(0, MAX_WRITE_BLOCKS).map((block) => partOf(block, this.#written, block.end));
  }

  /** The next `bytes` bytes are on disk. */
  written(bytes: number): void {
    this.#written += bytes;
  }

  /** Bytes from `start`, at most until `end`. @returns undefined when they are not in the window, or too many blocks have views */
  view(start: number, end: number): BytesView | undefined {
    const block = this.#blocks.findLast((each) => each.start <= start);
    if (!block || start >= block.end || !this.#canView(block)) return undefined;
    block.views++;
    return { bytes: partOf(block, start, Math.min(end, block.end)), release: () => this.#release(block) };
  }

  /** Returns the memory to the pool; that of a view when it is released. Not while bytes are received or written. */
  end(): void {
    for (const block of this.#blocks.splice(0)) this.#leave(block);
    if (this.#left.size === 0) this.#lease.end();
  }

  /** Bytes, at least one: the content may be longer than announced. */
  #wanted(size: number | undefined): number {
    if (size !== undefined) return Math.max(size - this.#received, 1);
    return this.#blocks.length === 0 ? FIRST_BLOCK_BYTES : MAX_BLOCK_BYTES;
  }

  #add(length: number): WindowBlock | undefined {
    let buffer = this.#take(length);
    while (!buffer && this.#leaveOldest()) buffer = this.#take(length);
    if (!buffer && this.#blocks.length > 0) return undefined;
    const block = {
      buffer: buffer ?? this.#lease.require(length),
      start: this.#received,
      end: this.#received,
      views: 0,
    };
    this.#blocks.push(block);
    return block;
  }

  #take(length: number): Buffer | undefined {
    return this.#blocks.length + this.#left.size < MAX_BLOCKS ? this.#lease.take(length) : undefined;
  }

  /** @returns whether there was a block without unwritten bytes */
  #leaveOldest(): boolean {
    const [oldest] = this.#blocks;
    if (!oldest || oldest.end > this.#written) return false;
    this.#blocks.shift();
    this.#leave(oldest);
    return true;
  }

  #leave(block: WindowBlock): void {
    if (block.views > 0) this.#left.add(block);
    else this.#lease.give(block.buffer);
  }

  #canView(block: WindowBlock): boolean {
    if (block.views > 0) return true;
    const viewed = this.#blocks.filter(({ views }) => views > 0).length + this.#left.size;
    return viewed < Math.max(1, Math.floor((this.#blocks.length + this.#left.size) / 2));
  }

  #release(block: WindowBlock): void {
    block.views--;
    if (block.views > 0 || !this.#left.delete(block)) return;
    this.#lease.give(block.buffer);
    if (this.#blocks.length + this.#left.size === 0) this.#lease.end();
  }
}

function freeBytes({ buffer, start, end }: WindowBlock): number {
  return buffer.length - (end - start);
}

function freeOf({ buffer, start, end }: WindowBlock): Uint8Array {
  return buffer.subarray(end - start);
}

/** From the first byte, or `from` when that is later, to `to`. */
function partOf({ buffer, start }: WindowBlock, from: number, to: number): Uint8Array {
  return buffer.subarray(Math.max(from - start, 0), to - start);
}
