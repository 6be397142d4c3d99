/** Bytes. */
export const SLAB_BYTES = 2 * 1024 * 1024;
export const MIN_BLOCK_BYTES = 16 * 1024;

const UNITS_PER_SLAB = SLAB_BYTES / MIN_BLOCK_BYTES;
const MAX_ORDER = Math.log2(UNITS_PER_SLAB);

/** A part of a slab: `2 ** order` units of {@link MIN_BLOCK_BYTES}. */
export interface Block {
  /** Number of its first unit, counted over all slabs. */
  readonly address: number;
  readonly order: number;
  readonly buffer: Buffer;
}

/**
 * A buddy allocator: slabs of 2 MiB are halved as needed, and joined again when both halves are free. So blocks of all sizes
 * use the same memory. Slabs are never freed.
 */
export class Slabs {
  readonly #slabs: Buffer[] = [];
  /** Addresses of free blocks by order. The block that was returned last is used first: it is still in the CPU's cache. */
  readonly #free: number[][] = Array.from({ length: MAX_ORDER + 1 }, () => []);
  #usedBytes = 0;

  /** Size of all slabs. */
  get bytes(): number {
    return this.#slabs.length * SLAB_BYTES;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  addSlab(): void {
    this.#free[MAX_ORDER]?.push(this.#slabs.length * UNITS_PER_SLAB);
    this.#slabs.push(Buffer.allocUnsafeSlow(SLAB_BYTES));
  }

  /** @param length bytes: a power of two, at most {@link SLAB_BYTES} @returns undefined when no block of that size is free */
  take(length: number): Block | undefined {
    const order = Math.log2(length / MIN_BLOCK_BYTES);
    const from = this.#free.findIndex((addresses, each) => each >= order && addresses.length > 0);
    const address = this.#free[from]?.pop();
    if (address === undefined) return undefined;
    for (let half = from - 1; half >= order; half--) this.#free[half]?.push(address + 2 ** half);
    this.#usedBytes += length;
    return { address, order, buffer: this.#view(address, length) };
  }

  give({ address, order, buffer }: Block): void {
    this.#usedBytes -= buffer.length;
    let start = address;
    let joined = order;
    for (; joined < MAX_ORDER && this.#removeFree(start ^ (2 ** joined), joined); joined++) start &= ~(2 ** joined);
    this.#free[joined]?.push(start);
  }

  #removeFree(address: number, order: number): boolean {
    const addresses = this.#free[order] ?? [];
    const at = addresses.lastIndexOf(address);
    if (at !== -1) addresses.splice(at, 1);
    return at !== -1;
  }

  #view(address: number, length: number): Buffer {
    const slab = this.#slabs[Math.floor(address / UNITS_PER_SLAB)] as Buffer;
    const start = (address % UNITS_PER_SLAB) * MIN_BLOCK_BYTES;
    return slab.subarray(start, start + length);
  }
}
