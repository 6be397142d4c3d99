import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { BufferPool } from '../../src/stream/buffer-pool.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

describe('a buffer pool', () => {
  it('gives few readers large chunks and many readers small ones', () => {
    const pool = new BufferPool({ budgetBytes: 32 * MIB });
    const chunkWith = new Map<number, number>();
    for (let readers = 1; readers <= 1000; readers++) {
      pool.lease();
      chunkWith.set(readers, pool.chunkBytes);
    }
    expect([1, 16, 17, 32, 64, 128, 256, 1000].map((n) => chunkWith.get(n))).toEqual([
      MIB,
      MIB,
      512 * KIB,
      512 * KIB,
      256 * KIB,
      128 * KIB,
      64 * KIB,
      64 * KIB,
    ]);
  });

  it('gives a buffer no larger than its reader has use for', () => {
    const lease = new BufferPool().lease();
    expect(lease.take(10)?.length).toBe(64 * KIB);
    expect(lease.take(200 * KIB)?.length).toBe(256 * KIB);
    expect(lease.take(500 * MIB)?.length).toBe(MIB);
  });

  it('gives every reader one buffer, and a second only within the budget', () => {
    const pool = new BufferPool({ budgetBytes: 256 * KIB });
    const leases = Array.from({ length: 10 }, () => pool.lease());
    expect(leases.map((lease) => lease.take(MIB)?.length)).toEqual(Array(10).fill(64 * KIB));
    expect(leases.map((lease) => lease.take(MIB))).toEqual(Array(10).fill(undefined));
    for (const lease of leases) lease.end();
    expect(pool.stats).toEqual({ readers: 0, used: 0, bytes: 256 * KIB });
  });

  it('uses a buffer again', () => {
    const pool = new BufferPool();
    const first = pool.lease();
    const buffer = first.take(MIB);
    first.end();
    expect(pool.lease().take(MIB)).toBe(buffer);
  });

  it('does not use a buffer again that was abandoned, nor count it', () => {
    const pool = new BufferPool();
    const first = pool.lease();
    const buffer = first.take(MIB);
    first.abandon();
    first.end();
    expect(pool.stats).toEqual({ readers: 0, used: 0, bytes: 0 });
    expect(pool.lease().take(MIB)).not.toBe(buffer);
  });

  it('takes a buffer back once, and none that is not its own', () => {
    const pool = new BufferPool();
    const lease = pool.lease();
    const buffer = lease.take(MIB) as Buffer;
    lease.give(buffer);
    lease.give(buffer);
    lease.give(Buffer.alloc(MIB));
    expect(pool.stats).toEqual({ readers: 1, used: 0, bytes: MIB });
    lease.end();
    lease.end();
    expect(pool.stats.readers).toBe(0);
    expect(() => lease.take(1)).toThrow(/ended/);
  });

  it('never gives one buffer to two, and stays within its budget and one buffer per reader', () => {
    const action = fc.record({
      do: fc.constantFrom('lease', 'take', 'give', 'end', 'abandon'),
      at: fc.nat(),
      size: fc.nat({ max: 2 * MIB }),
    });
    fc.assert(
      fc.property(fc.array(action, { maxLength: 100 }), (actions) => {
        const pool = new BufferPool({ budgetBytes: 4 * MIB });
        const readers: { lease: ReturnType<BufferPool['lease']>; held: Buffer[] }[] = [];
        for (const { do: what, at, size } of actions) {
          const reader = readers[at % Math.max(readers.length, 1)];
          if (what === 'lease') readers.push({ lease: pool.lease(), held: [] });
          else if (!reader) continue;
          else if (what === 'take')
            reader.held.push(...[reader.lease.take(size)].filter((buffer) => buffer !== undefined));
          else if (what === 'give' && reader.held[0]) reader.lease.give(reader.held.shift() as Buffer);
          else if (what === 'end' || what === 'abandon') {
            reader.lease[what]();
            readers.splice(readers.indexOf(reader), 1);
          }
          const held = readers.flatMap((each) => each.held);
          expect(new Set(held).size).toBe(held.length);
          expect(pool.stats.used).toBe(held.reduce((sum, buffer) => sum + buffer.length, 0));
          expect(pool.stats.readers).toBe(readers.length);
          expect(pool.stats.bytes).toBeLessThanOrEqual(4 * MIB + readers.length * MIB);
        }
      }),
    );
  });
});
