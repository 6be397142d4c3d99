import { Readable } from 'node:stream';
import { expect, it } from 'vitest';

import { ObjectSource } from '../../../src/storage/objects/object-source.ts';
import { readRange } from '../../../src/testing/read-source.ts';

function openSource(content: string) {
  const body = Readable.from([Buffer.from(content)]);
  const requests: string[] = [];
  const source = new ObjectSource({
    path: '/f',
    size: content.length,
    body,
    async request({ start, end }) {
      requests.push(`${start}-${end}`);
      return Readable.from([Buffer.from(content.slice(start, end))]);
    },
    isFinal: () => true,
    toStorageError: (err) => err as Error,
  });
  return { source, body, requests };
}

it.each([
  [0, 0, ''],
  [3, 3, ''],
  [3, 5, 'te'],
  [0, 3, 'con'],
])('a read of %i to %i leaves no body open', async (start, end, expected) => {
  const { source, body } = openSource('content');
  expect(String(await readRange(source, { start, end }))).toBe(expected);
  expect(body.destroyed).toBe(true);
});

it('a read after an empty one sends a request', async () => {
  const { source, requests } = openSource('content');
  await readRange(source, { start: 0, end: 0 });
  expect(String(await readRange(source, { start: 0, end: 7 }))).toBe('content');
  expect(requests).toEqual(['0-7']);
});

it('a source that is closed without a read has no open body', async () => {
  const { source, body } = openSource('content');
  await source.close();
  expect(body.destroyed).toBe(true);
});
