import { once } from 'node:events';
import { expect, it } from 'vitest';

import { storedBlob } from '../../src/fills/stored-blob.ts';
import { MemorySource } from '../../src/stream/byte-source.ts';

class CountedSource extends MemorySource {
  closes = 0;

  override async close(): Promise<void> {
    this.closes += 1;
  }
}

it('reads from a position to the end, and closes the source', async () => {
  const source = new CountedSource(Buffer.from('0123456789'));
  const { body, size, start } = storedBlob(source, 4);
  const chunks = await body.toArray();
  expect([Buffer.concat(chunks).toString(), size, start]).toEqual(['456789', 10, 4]);
  await Promise.resolve();
  expect(source.closes).toBe(1);
});

it('closes the source when it is destroyed before the first read', async () => {
  const source = new CountedSource(Buffer.from('0123456789'));
  const { body } = storedBlob(source, 0);
  body.destroy();
  await once(body, 'close');
  expect(source.closes).toBe(1);
});
