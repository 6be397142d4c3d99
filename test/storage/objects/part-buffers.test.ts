import { describe, expect, it } from 'vitest';

import { PartBuffers } from '../../../src/storage/objects/part-buffers.ts';

describe('memory for parts', () => {
  it('never exceeds the budget, and is allocated in order', async () => {
    const buffers = new PartBuffers(100);
    const order: number[] = [];
    let used = 0;
    let most = 0;
    const use = (id: number, bytes: number) =>
      buffers.use(bytes, async (buffer) => {
        used += buffer.length;
        most = Math.max(most, used);
        order.push(id);
        await new Promise(setImmediate);
        used -= buffer.length;
      });
    await Promise.all(Array.from({ length: 20 }, (_, i) => use(i, [60, 30, 40][i % 3] as number)));
    expect(order).toEqual(Array.from({ length: 20 }, (_, i) => i));
    expect(most).toBeLessThanOrEqual(100);
    expect(most).toBeGreaterThan(60);
  });

  it('is allocated for a part larger than the budget when no other is in use', async () => {
    const buffers = new PartBuffers(100);
    const sizes = await Promise.all([50, 500, 50].map((bytes) => buffers.use(bytes, async ({ length }) => length)));
    expect(sizes).toEqual([50, 500, 50]);
  });

  it('is released when the work fails', async () => {
    const buffers = new PartBuffers(100);
    await expect(buffers.use(100, () => Promise.reject(new Error('failed')))).rejects.toThrow('failed');
    expect(await buffers.use(100, async ({ length }) => length)).toBe(100);
  });
});
