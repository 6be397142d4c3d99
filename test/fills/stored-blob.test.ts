import { expect, it } from 'vitest';

import { storedBlob } from '../../src/fills/stored-blob.ts';
import { MemorySource } from '../../src/stream/byte-source.ts';
import { bytesOf } from '../support/read-body.ts';

class CountedSource extends MemorySource {
  closes = 0;

  override async close(): Promise<void> {
    this.closes += 1;
  }
}

it('reads from a position to the end, and closes the source', async () => {
  const source = new CountedSource(Buffer.from('0123456789'));
  const { body, size, start } = storedBlob(source, 4);
  expect([(await bytesOf(body)).toString(), size, start]).toEqual(['456789', 10, 4]);
  expect(source.closes).toBe(1);
});

it('closes the source when it is closed before the first read', () => {
  const source = new CountedSource(Buffer.from('0123456789'));
  const { body } = storedBlob(source, 0);
  body.close();
  expect(source.closes).toBe(1);
});
