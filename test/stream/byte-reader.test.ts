import { Readable } from 'node:stream';
import { expect, it } from 'vitest';

import { ChunkReader, chunksOf, countBytes } from '../../src/stream/byte-reader.ts';

const text = (bytes: Uint8Array, length: number) => Buffer.from(bytes.subarray(0, length)).toString();

it('a chunk is read in parts, and its end is 0 more than once', async () => {
  const reader = ChunkReader.of(Readable.from([Buffer.from('abc'), Buffer.alloc(0), Buffer.from('de')]));
  const into = Buffer.alloc(2);
  const read: string[] = [];
  for (let length = await reader.read(into); length > 0; length = await reader.read(into))
    read.push(text(into, length));
  expect([read, await reader.read(into)]).toEqual([['ab', 'c', 'de'], 0]);
});

it('a failure of the stream between two reads is that of the next one', async () => {
  const stream = new Readable({ read: () => undefined });
  const reader = ChunkReader.of(stream);
  stream.push('ab');
  await reader.read(Buffer.alloc(10));
  stream.destroy(new Error('broken'));
  await new Promise(setImmediate);
  await expect(reader.read(Buffer.alloc(10))).rejects.toThrow('broken');
});

it('close ends a pending read and later ones with an error, and destroys the stream', async () => {
  const stream = new Readable({ read: () => undefined });
  const reader = ChunkReader.of(stream);
  const reading = reader.read(Buffer.alloc(10));
  reader.close();
  reader.close();
  await expect(reading).rejects.toThrow();
  await expect(reader.read(Buffer.alloc(10))).rejects.toThrow('has been closed');
  expect(stream.destroyed).toBe(true);
});

it('an iteration that is left closes its reader', async () => {
  const stream = Readable.from([Buffer.from('ab'), Buffer.from('cd')]);
  for await (const chunk of chunksOf(ChunkReader.of(stream), Buffer.alloc(10))) {
    expect(text(chunk, chunk.length)).toBe('ab');
    break;
  }
  expect(stream.destroyed).toBe(true);
});

it('bytes can be counted', async () => {
  expect(await countBytes(ChunkReader.of(Readable.from([Buffer.alloc(100_000), Buffer.alloc(5)])))).toBe(100_005);
});
