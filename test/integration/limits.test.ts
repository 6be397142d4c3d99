import { utimes } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';

import { type Content, seededContent } from '../support/content.ts';
import { Images } from '../support/images.ts';
import type { Layover } from '../support/layover.ts';
import { ask, finish, pull, readSome } from './pulling.ts';
import { sharedHub, startCache } from './scene.ts';
import { expectNotStored, expectStored } from './stored-data.ts';

const MIB = 1024 * 1024;
const NAME = 'library/app';
const images = new Images();
const blobs = Array.from({ length: 8 }, (_, i) => images.addBlob(NAME, seededContent(`blob ${i}`, 200_000)));
const first = images.addBlob(NAME, seededContent('first', 3 * MIB));
const second = images.addBlob(NAME, seededContent('second', 3 * MIB));
const third = images.addBlob(NAME, seededContent('third', 3 * MIB));
const large = images.addBlob(NAME, seededContent('large', 8 * MIB));
const hub = sharedHub(images);

const urlOf = (layover: Layover, { digest }: Content) => `${layover.url}/v2/${NAME}/blobs/${digest}`;

/** Watches the CDN until `until` settles. @returns the most downloads that were under way at once */
async function mostAtOnce(until: Promise<unknown>): Promise<number> {
  let most = 0;
  const look = () => {
    most = Math.max(
      most,
      hub()
        .requests.of('cdn-get')
        .filter(({ complete }) => !complete).length,
    );
  };
  const watch = setInterval(look, 5);
  await until.finally(() => clearInterval(watch));
  return most;
}

/** Leaves a spool of about 2 MiB of a blob behind. */
async function leaveSpool(layover: Layover, blob: Content): Promise<void> {
  const client = await ask(urlOf(layover, blob));
  await readSome(client, 2 * MIB - 64 * 1024);
  client.destroy();
}

describe('proxy.fills.maxconcurrent', () => {
  it('bounds the downloads that run at once; the others wait for their turn', async () => {
    await using layover = await startCache(hub(), { proxy: { fills: { maxconcurrent: 2 } } });
    hub().faults.throttle(500_000, { on: 'cdn-get' });
    const pulls = Promise.all(blobs.map((blob) => pull(urlOf(layover, blob))));
    expect(await mostAtOnce(pulls)).toBe(2);
    expect((await pulls).map(({ digest }) => digest)).toEqual(blobs.map(({ digest }) => digest));
    expect(hub().requests.count('cdn-get')).toBe(blobs.length);
    await expectStored(
      layover,
      blobs.map(({ digest }) => digest),
    );
  });
});

describe('proxy.fills.maxspool', () => {
  it('lets a blob that is larger pass through, and keeps those that are not', async () => {
    await using layover = await startCache(hub(), { proxy: { fills: { maxspool: '4MiB' } } });
    const answers = await Promise.all([1, 2, 3].map(() => pull(urlOf(layover, large))));
    for (const answer of answers) {
      expect(answer).toMatchObject({
        status: 200,
        complete: true,
        digest: large.digest,
        headers: { 'x-cache': 'BYPASS' },
      });
    }
    const slice = await pull(urlOf(layover, large), { headers: { range: 'bytes=5000000-5000009' } });
    expect(slice).toMatchObject({ status: 206, start: Buffer.concat([...large.read(5_000_000, 5_000_010)]) });

    expect(await pull(urlOf(layover, first))).toMatchObject({ digest: first.digest, headers: { 'x-cache': 'MISS' } });
    await expectStored(layover, [first.digest]);
    await expectNotStored(layover, [large.digest]);
  });

  it('lets a blob pass through while others under way leave no room for it', async () => {
    await using layover = await startCache(hub(), { proxy: { fills: { maxspool: '4MiB' } } });
    hub().faults.hangMidBody(2 * MIB, { on: 'cdn-get', reference: first.digest });
    const underWay = await ask(urlOf(layover, first));
    await readSome(underWay, MIB);
    const passed = await pull(urlOf(layover, second));
    expect(passed).toMatchObject({ complete: true, digest: second.digest, headers: { 'x-cache': 'BYPASS' } });
    underWay.destroy();
    expect((await layover.spools()).map(({ name }) => name)).toEqual([
      expect.stringContaining(first.digest.replace(':', '-')),
    ]);
    await expectNotStored(layover, [first.digest, second.digest]);
  });

  it('makes room at the cost of spools that nobody works on, the oldest first', async () => {
    await using layover = await startCache(hub(), { proxy: { fills: { maxspool: '6MiB' } } });
    hub().faults.hangMidBody(2 * MIB, { on: 'cdn-get' });
    for (const blob of [first, second]) await leaveSpool(layover, blob);
    await layover.kill('SIGTERM');
    const [older, younger] = await layover.spools();
    await utimes(older?.path ?? '', new Date(), new Date(Date.now() - 60_000));

    hub().faults.clear();
    await layover.restart();
    expect(await layover.spools()).toEqual([older, younger]);
    expect(await pull(urlOf(layover, third))).toMatchObject({ digest: third.digest, headers: { 'x-cache': 'MISS' } });
    await expect.poll(() => layover.spools()).toEqual([younger]);
    await expectNotStored(layover, [first.digest, second.digest]);
  });
});

describe('proxy.fills.keepspool', () => {
  it('is how long a spool waits to be continued', async () => {
    await using layover = await startCache(hub(), { proxy: { fills: { keepspool: '1h' } } });
    hub().faults.hangMidBody(2 * MIB, { on: 'cdn-get' });
    for (const blob of [first, second]) await leaveSpool(layover, blob);
    await layover.kill('SIGTERM');
    const [old, young] = await layover.spools();
    await utimes(old?.path ?? '', new Date(), new Date(Date.now() - 61 * 60_000));

    await layover.restart();
    expect(await layover.spools()).toEqual([young]);

    hub().faults.clear();
    for (const blob of [first, second]) {
      expect(await finish(await ask(urlOf(layover, blob)))).toMatchObject({ complete: true, digest: blob.digest });
    }
    await expectStored(layover, [first.digest, second.digest]);
  });
});
