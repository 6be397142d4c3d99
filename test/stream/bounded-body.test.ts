import { describe, expect, it } from 'vitest';

import { BodyTooLargeError, readBounded } from '../../src/stream/bounded-body.ts';

async function* chunks(...texts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}

describe('readBounded', () => {
  it('reads a body of up to the limit', async () => {
    expect(String(await readBounded(chunks('ab', 'cd'), 4))).toBe('abcd');
    expect(await readBounded(chunks(), 0)).toHaveLength(0);
  });

  it('stops at the first chunk above the limit and ends the body', async () => {
    let ended = false;
    async function* endless() {
      try {
        for (;;) yield Buffer.from('abc');
      } finally {
        ended = true;
      }
    }
    await expect(readBounded(endless(), 4)).rejects.toThrow(BodyTooLargeError);
    await expect(readBounded(endless(), 4)).rejects.toThrow('larger than 4 bytes');
    expect(ended).toBe(true);
  });
});
