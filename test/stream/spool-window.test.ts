import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { type BufferLease, BufferPool } from '../../src/stream/buffer-pool.ts';
import { type BytesView, SpoolWindow } from '../../src/stream/spool-window.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
/** No block has its size, and the same byte is at no two positions that are a block apart. */
const pattern = Buffer.from(Array.from({ length: 251 }, (_, at) => at));

function bytesAt(start: number, end: number): Buffer {
  const from = start % pattern.length;
  return Buffer.alloc(from + end - start, pattern).subarray(from);
}

/** A window whose writer receives and writes what it is told, and the memory that others of the pool use. */
class Scene {
  readonly window: SpoolWindow;
  readonly start: number;
  received: number;
  written: number;
  readonly views: { readonly start: number; readonly view: BytesView }[] = [];
  readonly others: BufferLease[] = [];
  /** What the window did wrong. */
  readonly faults: string[] = [];

  constructor(pool: BufferPool, start = 0) {
    this.window = new SpoolWindow(pool, start);
    this.start = start;
    this.received = start;
    this.written = start;
  }

  /** @returns false when all memory has bytes that are not written */
  receive(bytes: number): boolean {
    const memory = this.window.free(undefined);
    if (!memory) return false;
    const length = Math.min(bytes, memory.length);
    memory.set(bytesAt(this.received, this.received + length));
    this.window.received(length);
    this.received += length;
    return true;
  }

  /** The window has exactly the received bytes that are not written, from the first. */
  write(bytes = Infinity): void {
    const parts = Buffer.concat(this.window.unwritten());
    const isRight = parts.equals(bytesAt(this.written, this.written + parts.length));
    if (!isRight || parts.length > 0 !== this.written < this.received) this.faults.push(`to write at ${this.written}`);
    const length = Math.min(bytes, parts.length);
    this.window.written(length);
    this.written += length;
  }

  view(start: number): boolean {
    const view = this.window.view(start, this.written);
    if (view) this.views.push({ start, view });
    return view !== undefined;
  }

  /** A view has its bytes until it is released. */
  release(at: number): void {
    const [opened] = this.views.splice(at, 1);
    if (!opened) return;
    const { start, view } = opened;
    const isRight = Buffer.from(view.bytes).equals(bytesAt(start, start + view.bytes.length));
    if (!isRight) this.faults.push(`view at ${start}`);
    view.release();
  }
}

describe('the window of a spool', () => {
  it('returns the newest bytes until their memory is needed', () => {
    const scene = new Scene(new BufferPool());
    for (let block = 0; block < 20; block++) {
      scene.receive(MIB);
      scene.write();
    }
    expect(scene.view(scene.written - 3 * MIB)).toBe(true);
    expect(scene.view(0)).toBe(false);
    scene.release(0);
    expect(scene.faults).toEqual([]);
  });

  it('has no memory while the disk is behind, and has some again after a write', () => {
    const scene = new Scene(new BufferPool());
    while (scene.receive(MIB));
    expect(scene.received).toBeGreaterThan(2 * MIB);
    scene.write();
    expect(scene.receive(MIB)).toBe(true);
  });

  it('writes a part while the rest receives', () => {
    const scene = new Scene(new BufferPool());
    while (scene.receive(MIB));
    const bytes = Buffer.concat(scene.window.unwritten()).length;
    expect(bytes).toBeGreaterThan(scene.received / 4);
    expect(bytes).toBeLessThan((scene.received * 3) / 4);
  });

  it('takes little memory for little content', () => {
    const pool = new BufferPool();
    const window = new SpoolWindow(pool, 0);
    expect(window.free(undefined)?.length).toBe(16 * KIB);
    window.received(2_500);
    expect(window.free(2_500)?.length).toBe(16 * KIB - 2_500);
    window.end();
    expect(pool.stats).toMatchObject({ readers: 0, used: 0 });
  });

  it('receives whatever its readers keep', () => {
    const pool = new BufferPool({ budgetBytes: 2 * MIB });
    const scene = new Scene(pool);
    for (let block = 0; block < 50; block++) {
      expect(scene.receive(MIB)).toBe(true);
      scene.write();
      scene.view(scene.written - 1);
    }
    expect(scene.views.length).toBeGreaterThan(0);
    expect(pool.stats.bytes).toBeLessThanOrEqual(4 * MIB);
    while (scene.views.length > 0) scene.release(0);
    expect(scene.faults).toEqual([]);
  });

  it('receives when others use the whole budget', () => {
    const pool = new BufferPool({ budgetBytes: 2 * MIB });
    const other = pool.lease();
    while (other.take(2 * MIB));
    const scene = new Scene(pool);
    for (let block = 0; block < 10; block++) {
      expect(scene.receive(MIB)).toBe(true);
      scene.write();
      scene.view(scene.written - 1);
    }
  });

  it('keeps every view as it is, returns exactly what was written, and all memory at its end', () => {
    const action = fc.record({
      do: fc.constantFrom(
        'advance',
        'advance',
        'advance',
        'receive',
        'write',
        'view',
        'view',
        'release',
        'take',
        'end',
      ),
      at: fc.nat(),
      bytes: fc.oneof(fc.integer({ min: 1, max: 2 * MIB }), fc.integer({ min: 1, max: 40 * KIB })),
    });
    fc.assert(
      fc.property(fc.array(action, { maxLength: 100, size: 'max' }), fc.nat(5 * MIB), (actions, start) => {
        const pool = new BufferPool({ budgetBytes: 2 * MIB });
        const scene = new Scene(pool, start);
        for (const { do: what, at, bytes } of actions) {
          if (what === 'advance') {
            scene.receive(bytes);
            scene.write();
          } else if (what === 'receive') {
            const isBehind = !scene.receive(bytes);
            if (isBehind) expect(scene.written).toBeLessThan(scene.received);
          } else if (what === 'write') scene.write(bytes);
          else if (what === 'view' && scene.written > start) {
            const newest = Math.max(start, scene.written - (at % (2 * MIB)) - 1);
            scene.view(newest);
          } else if (what === 'release') scene.release(at % Math.max(scene.views.length, 1));
          else if (what === 'take') {
            const other = pool.lease();
            other.take(bytes)?.fill(0xff);
            scene.others.push(other);
          } else if (what === 'end') scene.others.pop()?.end();
        }
        scene.window.end();
        while (scene.views.length > 0) scene.release(0);
        for (const other of scene.others) other.end();
        expect(scene.faults).toEqual([]);
        expect(pool.stats).toMatchObject({ readers: 0, used: 0 });
      }),
      { numRuns: 200 },
    );
  });
});
