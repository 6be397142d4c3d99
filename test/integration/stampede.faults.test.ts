import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';

import { seededContent } from '../support/content.ts';
import { Images } from '../support/images.ts';
import type { Layover } from '../support/layover.ts';
import { ask, pull, readSome } from './pulling.ts';
import { sharedHub, startCache } from './scene.ts';
import { expectStored } from './stored-data.ts';

const MIB = 1024 * 1024;
const images = new Images();
const blob = images.addBlob('library/big', seededContent('stampede', 16 * MIB));
const expected = Buffer.concat([...blob.read()]);
const hub = sharedHub(images);

const READERS = 179;
const LEAVING = 20;

/** Compares instead of hashing: two cores have enough to do. */
async function isRight(answer: IncomingMessage, at = 0): Promise<boolean> {
  let position = at;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    if (expected.compare(chunk, 0, chunk.length, position, position + chunk.length) !== 0) return false;
    position += chunk.length;
  }
  return answer.complete && position === expected.length;
}

/** Reads half of it at 1 MB/s at most, until `hurry` aborts; then the rest as fast as it comes. */
async function readSlowly(answer: IncomingMessage, hurry: AbortSignal) {
  let slowBytes = 0;
  while (!hurry.aborted && slowBytes < blob.size / 2) {
    const piece = await readSome(answer, 50_000);
    const end = slowBytes + piece.length;
    if (piece.compare(expected, slowBytes, end) !== 0) throw new Error(`wrong bytes before ${end}`);
    slowBytes = end;
    await delay(piece.length / 1000, undefined, { signal: hurry }).catch(() => {});
  }
  if (!hurry.aborted) await once(hurry, 'abort');
  return { slowBytes, right: await isRight(answer, slowBytes) };
}

async function hangUpMidway(url: string, share: number): Promise<void> {
  const answer = await ask(url);
  await readSome(answer, Math.ceil(blob.size * share));
  answer.destroy();
}

async function stampede(layover: Layover) {
  const url = `${layover.url}/v2/library/big/blobs/${blob.digest}`;
  const done = new AbortController();
  const slow = ask(url).then((answer) => readSlowly(answer, done.signal));
  const leaving = Array.from({ length: LEAVING }, (_, i) => hangUpMidway(url, (i + 1) / (LEAVING + 2)));
  const reading = Array.from({ length: READERS }, async () => isRight(await ask(url)));
  const right = await Promise.all(reading); // not held back to the slow one's pace: that one waits for them
  await Promise.all(leaving);
  done.abort();
  return { right: right.filter(Boolean).length, slow: await slow };
}

it('fetches a cold blob once for 200 clients, whoever is slow and whoever leaves', { timeout: 120_000 }, async () => {
  await using layover = await startCache(hub(), { ownProcess: true });
  const before = await layover.rss();

  const { right, slow } = await stampede(layover);

  expect(right).toBe(READERS);
  expect(slow.right).toBe(true);
  expect(slow.slowBytes).toBeGreaterThan(0);
  expect(hub().requests.counts()).toEqual({ unauthorized: 1, token: 1, 'blob-get': 1, 'cdn-get': 1 });
  expect(hub().requests.bytes('cdn-get')).toBe(blob.size);
  const peak = await layover.peakRss();
  expect(peak, `${Math.round(before / MIB)} MiB before`).toBeLessThan(256 * MIB);
  await expectStored(layover, [blob.digest]);

  const again = await pull(`${layover.url}/v2/library/big/blobs/${blob.digest}`);
  expect(again).toMatchObject({ status: 200, digest: blob.digest, headers: { 'x-cache': 'HIT' } });
  expect(hub().requests.count('cdn-get')).toBe(1);
});

it('lets a latecomer read a fill from its beginning', async () => {
  await using layover = await startCache(hub());
  const url = `${layover.url}/v2/library/big/blobs/${blob.digest}`;
  hub().faults.hangMidBody(15 * MIB, { on: 'cdn-get' });
  const first = await ask(url);
  const begun = await readSome(first, 11 * MIB);
  const late = await ask(url);
  expect(first.headers['x-cache']).toBe('MISS');
  expect(late.headers['x-cache']).toBe('FILL');
  const caughtUp = await readSome(late, 11 * MIB);
  expect([begun, caughtUp].map((bytes) => bytes.equals(expected.subarray(0, bytes.length)))).toEqual([true, true]);
  first.destroy();
  late.destroy();
  expect(hub().requests.count('cdn-get')).toBe(1);
});
