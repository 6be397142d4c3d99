import { expect, it } from 'vitest';

import { Images } from '../support/images.ts';
import { pull } from './pulling.ts';
import { sharedHub, startCache } from './scene.ts';
import { expectStored } from './stored-data.ts';

const NAME = 'library/app';
const images = new Images();
const index = images.addIndex(NAME, 'multi');
const hub = sharedHub(images);

const CLIENTS = 50;
const atOnce = (url: string) => Promise.all(Array.from({ length: CLIENTS }, () => pull(url)));

it('asks for a cold tag by one HEAD and one GET, however many clients want it', async () => {
  await using layover = await startCache(hub());
  const url = `${layover.url}/v2/${NAME}/manifests/multi`;
  hub().faults.delay(200, { on: ['manifest-head', 'manifest-get'] });

  for (const { status, start, headers } of await atOnce(url)) {
    // Byte for byte: the index is of the clients' making.
    expect({ status, same: start.equals(index.bytes), type: headers['content-type'] }).toEqual({
      status: 200,
      same: true,
      type: index.mediaType,
    });
  }
  expect(hub().requests.counts()).toEqual({ unauthorized: 1, token: 1, 'manifest-head': 1, 'manifest-get': 1 });
  expect(
    hub()
      .requests.of('manifest-get')
      .map(({ reference }) => reference),
  ).toEqual([index.digest]);
  await expectStored(layover, [index.digest]);
  // The images it lists are fetched when somebody asks for them.
  expect((await layover.visibleBlobs()).map(({ digest }) => digest)).toEqual([index.digest]);
});

it('asks for a cold digest by one GET, however many clients want it', async () => {
  await using layover = await startCache(hub());
  const { digest } = index.images.arm64;
  hub().faults.delay(200, { on: 'manifest-get' });
  const answers = await atOnce(`${layover.url}/v2/${NAME}/manifests/${digest}`);
  expect(answers.filter((answer) => answer.status === 200 && answer.digest === digest)).toHaveLength(CLIENTS);
  expect(hub().requests.counts()).toEqual({ unauthorized: 1, token: 1, 'manifest-get': 1 });
  await expectStored(layover, [digest]);
});

it('asks for a stale tag by one HEAD, however many clients want it', async () => {
  await using layover = await startCache(hub(), { upstream: { tags: { ttl: '0s' } } });
  const url = `${layover.url}/v2/${NAME}/manifests/multi`;
  expect(await pull(url)).toMatchObject({ status: 200 });
  hub().requests.reset();
  hub().faults.delay(1000, { on: 'manifest-head' });
  const answers = await atOnce(url);
  expect(answers.filter(({ digest }) => digest === index.digest)).toHaveLength(CLIENTS);
  expect(hub().requests.counts()).toEqual({ 'manifest-head': 1 });
});

it('hands one failure to all who wait for it, and asks again for the next', async () => {
  await using layover = await startCache(hub());
  const url = `${layover.url}/v2/${NAME}/manifests/multi`;
  hub().faults.add({ on: 'manifest-head' }, { delayMs: 1000, answer: { status: 403 } });
  // The response to HEAD has no reason: it is requested once more.
  hub().faults.add({ on: 'manifest-get' }, { answer: { status: 403 } });
  const refused = await atOnce(url);
  expect(refused.filter(({ status }) => status === 403)).toHaveLength(CLIENTS);
  expect(hub().requests.count('manifest-head')).toBe(1);
  hub().faults.clear();
  expect(await pull(url)).toMatchObject({ status: 200, digest: index.digest });
});
