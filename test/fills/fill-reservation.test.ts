import { describe, expect, it } from 'vitest';

import { FillReservation } from '../../src/fills/fill-reservation.ts';

const MIB = 1024 * 1024;

function reserving(size: number, { limit = Infinity } = {}) {
  const reserved: number[] = [];
  const reserve = async (bytes: number) => {
    if (bytes > limit) throw new Error('no space');
    reserved.push(bytes);
  };
  return { reservation: new FillReservation({ reserve, size }), reserved };
}

describe('space for a fill', () => {
  it('is reserved a little ahead of the bytes, up to the size of the blob', async () => {
    const { reservation, reserved } = reserving(40 * MIB);
    await reservation.cover(0);
    expect(reserved).toEqual([MIB]);
    for (let written = 0; written <= 40 * MIB; written += 64 * 1024) await reservation.cover(written);
    await reservation.settled();
    expect(reserved.at(-1)).toBe(40 * MIB);
    for (const [i, bytes] of reserved.entries()) expect(bytes).toBeLessThanOrEqual(2 * (reserved[i - 1] ?? MIB) + MIB);
    expect(reserved.length).toBeLessThan(20);
  });

  it('is never less than the received bytes', async () => {
    const { reservation, reserved } = reserving(100 * MIB);
    await reservation.cover(0);
    await reservation.cover(50 * MIB);
    expect(reserved.at(-1)).toBeGreaterThanOrEqual(50 * MIB);
  });

  it('that is not available fails the fill when its bytes reach it', async () => {
    const { reservation } = reserving(40 * MIB, { limit: 2 * MIB });
    await reservation.cover(0);
    await reservation.cover(MIB);
    await expect(reservation.cover(3 * MIB)).rejects.toThrow('no space');
    await expect(reservation.settled()).rejects.toThrow('no space');
  });

  it('is not reserved for an empty blob', async () => {
    const { reservation, reserved } = reserving(0);
    await reservation.cover(0);
    expect(reserved).toEqual([]);
  });
});
