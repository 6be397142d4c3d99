import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { BufferPool } from '../../src/stream/buffer-pool.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

describe('a buffer pool', () => {
  it('gives few readers large chunks and many readers small ones', () => {
    const pool = new BufferPool({ budgetBytes: 32 * MIB });
    const chunkWith = new Map<number, number>();
    for (let readers = 1; readers <= 5000; readers++) {
      pool.lease();
      chunkWith.set(readers, pool.chunkBytes);
    }
    const sizes = [1, 8, 9, 17, 64, 256, 512, 1000, 5000].map((readers) => (chunkWith.get(readers) ?? 0) / KIB);
    expect(sizes).toEqual([2048, 2048, 1024, 512, 256, 64, 32, 16, 16]);
  });

  it('gives a reader a buffer no larger than it needs', () => {
    const lease = new BufferPool().lease();
    expect(lease.take(10)?.length).toBe(16 * KIB);
    expect(lease.take(200 * KIB)?.length).toBe(256 * KIB);
    expect(lease.take(500 * MIB)?.length).toBe(2 * MIB);
  });

  it('gives every reader one buffer, and a second only within the budget', () => {
    const pool = new BufferPool({ budgetBytes: 2 * MIB });
    const leases = Array.from({ length: 150 }, () => pool.lease());
    expect(leases.map((lease) => lease.take(MIB)?.length)).toEqual(Array(150).fill(16 * KIB));
    expect(pool.stats).toEqual({ readers: 150, used: 150 * 16 * KIB, bytes: 4 * MIB });
    const seconds = leases.map((lease) => lease.take(MIB)).filter((buffer) => buffer !== undefined);
    expect(seconds).toHaveLength(256 - 150);
    for (const lease of leases) lease.end();
    expect(pool.stats).toEqual({ readers: 0, used: 0, bytes: 4 * MIB });
  });

  it('gives a reader that uses many buffers a larger share', () => {
    const pool = new BufferPool({ budgetBytes: 16 * MIB });
    const large = pool.lease(32);
    expect(pool.chunkBytes).toBe(512 * KIB);
    pool.lease();
    expect(pool.chunkBytes).toBe(256 * KIB);
    large.end();
    expect(pool.chunkBytes).toBe(2 * MIB);
  });

  it('exceeds its budget for a buffer that a reader requires', () => {
    const pool = new BufferPool({ budgetBytes: 2 * MIB });
    const lease = pool.lease();
    while (lease.take(MIB));
    expect(lease.require(MIB).length).toBe(MIB);
    expect(pool.stats.bytes).toBe(4 * MIB);
    lease.end();
    expect(() => lease.require(1)).toThrow(/ended/);
    expect(pool.stats).toMatchObject({ readers: 0, used: 0 });
  });

  it('joins small buffers to large ones again', () => {
    const pool = new BufferPool({ budgetBytes: 8 * MIB });
    const many = Array.from({ length: 200 }, () => pool.lease());
    for (const lease of many) lease.take(MIB);
    for (const lease of many) lease.end();
    const few = [pool.lease(), pool.lease()];
    const lengths = few.flatMap((lease) => [lease.take(2 * MIB)?.length, lease.take(2 * MIB)?.length]);
    expect(lengths).toEqual(Array(4).fill(2 * MIB));
    expect(pool.stats.bytes).toBe(8 * MIB);
  });

  it('gives a smaller buffer when there is no large one', () => {
    const pool = new BufferPool({ budgetBytes: 2 * MIB });
    const lease = pool.lease();
    const lengths = [10, MIB, MIB, MIB].map((size) => lease.take(size)?.length);
    expect(lengths).toEqual([16 * KIB, MIB, 512 * KIB, 256 * KIB]);
    expect(pool.stats.bytes).toBe(2 * MIB);
  });

  it('uses a buffer again', () => {
    const pool = new BufferPool();
    const first = pool.lease();
    const buffer = first.take(MIB);
    buffer?.fill('x');
    first.end();
    expect(pool.lease().take(MIB)?.equals(Buffer.alloc(MIB, 'x'))).toBe(true);
  });

  it('accepts each of its buffers once, and no other buffers', () => {
    const pool = new BufferPool();
    const lease = pool.lease();
    const buffer = lease.take(MIB) as Buffer;
    lease.give(buffer);
    lease.give(buffer);
    lease.give(Buffer.alloc(MIB));
    expect(pool.stats).toEqual({ readers: 1, used: 0, bytes: 2 * MIB });
    lease.end();
    lease.end();
    expect(pool.stats.readers).toBe(0);
    expect(() => lease.take(1)).toThrow(/ended/);
  });

  it('never gives a buffer to two readers, and exceeds its budget by at most one buffer per reader at once', () => {
    const action = fc.record({
      do: fc.constantFrom('lease', 'take', 'give', 'end'),
      at: fc.nat(),
      size: fc.nat({ max: 2 * MIB }),
    });
    fc.assert(
      fc.property(fc.array(action, { maxLength: 100 }), (actions) => {
        const pool = new BufferPool({ budgetBytes: 4 * MIB });
        const readers: { lease: ReturnType<BufferPool['lease']>; held: Buffer[] }[] = [];
        let mostReaders = 0;
        for (const { do: what, at, size } of actions) {
          const reader = readers[at % Math.max(readers.length, 1)];
          if (what === 'lease') readers.push({ lease: pool.lease(), held: [] });
          else if (!reader) continue;
          else if (what === 'take')
            reader.held.push(...[reader.lease.take(size)].filter((buffer) => buffer !== undefined));
          else if (what === 'give' && reader.held[0]) reader.lease.give(reader.held.shift() as Buffer);
          else if (what === 'end') {
            reader.lease.end();
            readers.splice(readers.indexOf(reader), 1);
          }
          const held = readers.flatMap((each) => each.held);
          expect(overlapping(held)).toEqual([]);
          expect(pool.stats.used).toBe(held.reduce((sum, buffer) => sum + buffer.length, 0));
          expect(pool.stats.readers).toBe(readers.length);
          // memory is kept when readers end
          mostReaders = Math.max(mostReaders, readers.length);
          expect(pool.stats.bytes).toBeLessThanOrEqual(4 * MIB + mostReaders * 2 * MIB);
        }
      }),
    );
  });

  it('lets few reads run at a time, in the order of their calls, and the next one when one fails', async () => {
    const pool = new BufferPool();
    const [order, ends]: [number[], (() => void)[]] = [[], []];
    const reads = Array.from({ length: 100 }, (_, i) =>
      pool.read(async () => {
        order.push(i);
        await new Promise<void>((resolve) => ends.push(resolve));
        if (i % 2 === 0) throw new Error('unreadable');
      }),
    );
    const results = Promise.allSettled(reads);
    await expect.poll(() => ends.length).toBe(16);
    for (let ended = 0; ended < 100; ended++) {
      await expect.poll(() => ends.length).toBe(Math.min(100, ended + 16));
      ends[ended]?.();
    }
    expect((await results).filter(({ status }) => status === 'rejected')).toHaveLength(50);
    expect(order).toEqual(Array.from({ length: 100 }, (_, i) => i));
  });
});

/** Buffers that start before the end of the previous one. */
function overlapping(buffers: readonly Buffer[]): Buffer[] {
  const memories = [...new Set(buffers.map(({ buffer }) => buffer))];
  const placed = buffers.map((buffer) => ({
    buffer,
    start: memories.indexOf(buffer.buffer) * 2 * MIB + buffer.byteOffset,
  }));
  placed.sort((a, b) => a.start - b.start);
  return placed.flatMap(({ buffer, start }, i) => {
    const before = placed[i - 1];
    return before && before.start + before.buffer.length > start ? [buffer] : [];
  });
}
