import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { type Digest, digestOf } from '../../src/oci/digest.ts';
import { readVisibleBlobs } from '../support/data-directory.ts';
import { sharedHub } from '../integration/scene.ts';
import { startBalancer } from '../support/balancer.ts';
import { Images } from '../support/images.ts';
import { missingPrograms } from '../support/programs.ts';
import { startScriptedUpstream } from '../support/scripted-upstream.ts';
import { RedisServer, until } from '../support/redis.ts';
import { findFiller, isGood, pullAndCompare, startReplicas } from './replica-scene.ts';

const MIB = 2 ** 20;
const missing = await missingPrograms(['redis-server']);
if (missing.length > 0) console.warn('redis-server is missing: the tests of replicas are skipped');

const images = new Images();
const image = images.addImage('library/app', '1', { layers: [16 * MIB] });
// The first layer is the program.
const digest = image.layers[1] as Digest;
const expected = Buffer.concat([...(images.blobs.get(digest)?.read() ?? [])]);
const path = `/v2/library/app/blobs/${digest}`;

describe.skipIf(missing.length > 0)('three replicas with one storage and one Redis', () => {
  const hub = sharedHub(images, { challenge: 'none', redirectBlobs: false });
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await RedisServer.start();
  });
  afterAll(() => redis[Symbol.asyncDispose]());

  it('fetch a cold blob once, however many ask all of them at once', async () => {
    await using scene = await startReplicas({ hub: hub(), redis: redis.address });
    await using balancer = await startBalancer(scene.replicas.map(({ port }) => port));
    hub().requests.reset();

    const pulled = await Promise.all(Array.from({ length: 30 }, () => pullAndCompare(balancer.url + path, expected)));

    expect(pulled.every(isGood)).toBe(true);
    expect(hub().requests.count('blob-get')).toBe(1);
    expect(hub().requests.bytes('blob-get')).toBe(expected.length);
    const [first] = scene.replicas;
    await until(async () => (await readVisibleBlobs(first?.dataDirectory ?? '')).length === 1);
    expect(await readVisibleBlobs(first?.dataDirectory ?? '')).toMatchObject([{ digest, intact: true }]);
  });

  it('go on where the one that fetched was killed, without a wrong byte', async () => {
    await using scene = await startReplicas({ hub: hub(), redis: redis.address });
    hub().requests.reset();
    // Until it is killed.
    hub().faults.hangMidBody(expected.length / 2, { on: 'blob-get', times: 1 });
    const received = scene.replicas.map(() => 0);
    const pulls = scene.replicas.flatMap((replica, i) =>
      Array.from({ length: 4 }, () => {
        const onBytes = (bytes: number) => (received[i] = (received[i] ?? 0) + bytes);
        return pullAndCompare(replica.url + path, expected, onBytes).then((result) => ({ replica, result }));
      }),
    );
    await until(() => received.every((bytes) => bytes > 4 * 4 * MIB));
    const killed = await findFiller(scene.replicas, redis.admin);
    expect(killed).toBeDefined();
    await killed?.kill('SIGKILL');
    const pulled = await Promise.all(pulls);

    // Nobody got a wrong byte; those of the dead one were cut off, all others have everything.
    expect(pulled.every(({ result }) => result.isRight)).toBe(true);
    for (const { replica, result } of pulled) expect(result.isComplete).toBe(replica !== killed);
    expect(hub().requests.count('blob-get')).toBe(2);
    expect(hub().requests.bytes('blob-get')).toBeLessThan(expected.length * 1.3);
  });

  it('pull each for itself while Redis is gone', async () => {
    await using gone = await RedisServer.start();
    const { address } = gone;
    await using scene = await startReplicas({ hub: hub(), redis: address, count: 2 });
    await gone[Symbol.asyncDispose]();
    const pulled = await Promise.all(scene.replicas.map(({ url }) => pullAndCompare(url + path, expected)));
    expect(pulled.every(isGood)).toBe(true);
  });

  it('give a blob that one of them fills to no repository whose upstream does not have it', async () => {
    await using scene = await startReplicas({ hub: hub(), redis: redis.address, count: 2 });
    const [first, second] = scene.replicas.map(({ url }) => url);
    const undo = hub().faults.throttle(8 * MIB, { on: 'blob-get' });
    let received = 0;
    const own = pullAndCompare(first + path, expected, (bytes) => (received += bytes));
    await until(() => received > MIB);
    const strange = path.replace('library/app', 'library/other');
    const strangers = await Promise.all([first, second].map((url) => pullAndCompare(url + strange, expected)));
    const shared = pullAndCompare(second + path, expected);
    undo();
    for (const { status, bytes } of strangers) {
      expect(status).toBe(404);
      expect(bytes).toBeLessThan(500);
    }
    expect([await own, await shared]).toMatchObject([
      { isComplete: true, isRight: true },
      { status: 200, isComplete: true, isRight: true },
    ]);
    expect(hub().requests.bytes('blob-get')).toBeLessThan(expected.length * 1.1);
  });

  it('change to a repository that sends, when the replica that fetches from another has nothing', async () => {
    const bytes = randomBytes(MIB);
    const stuck = { kind: 'hang', size: bytes.length } as const;
    await using upstream = await startScriptedUpstream({
      'library/stuck': stuck,
      'library/app': { kind: 'serve', bytes },
    });
    await using scene = await startReplicas({ hub: upstream, redis: redis.address, count: 2 });
    const [first, second] = scene.replicas.map(({ url }) => url);
    const urlOf = (replica: string | undefined, name: string) =>
      `${replica}/v2/library/${name}/blobs/${digestOf(bytes)}`;
    void pullAndCompare(urlOf(first, 'stuck'), bytes);
    await until(() => upstream.count('GET', 'library/stuck') === 1);
    const waiting = pullAndCompare(urlOf(second, 'stuck'), bytes);
    await delay(500);
    const joined = await pullAndCompare(urlOf(second, 'app'), bytes);
    expect([joined, await waiting].every(isGood)).toBe(true);
  });

  it('show what they fill to each other only', async () => {
    await using scene = await startReplicas({ hub: hub(), redis: redis.address, count: 1 });
    const [replica] = scene.replicas;
    await pullAndCompare(`${replica?.url}${path}`, expected);
    const answer = await fetch(`${replica?.url}/internal/fills/library/app@${digest}`, {
      headers: { 'x-layover-peer': 'guessed' },
    });
    expect(answer.status).toBe(404);
  });
});

describe('replicas without Redis', () => {
  const hub = sharedHub(images, { challenge: 'none', redirectBlobs: false });

  it('are independent, say so, and share a directory without harm', async () => {
    await using scene = await startReplicas({ hub: hub(), redis: undefined, count: 2 });
    for (const replica of scene.replicas) await replica.waitForOutput(/no Redis configured: single instance/);
    const pulled = await Promise.all(scene.replicas.map(({ url }) => pullAndCompare(url + path, expected)));
    expect(pulled.every(isGood)).toBe(true);
    expect(hub().requests.count('blob-get')).toBe(2);
    const [first] = scene.replicas;
    await until(async () => (await readVisibleBlobs(first?.dataDirectory ?? '')).length === 1);
    expect((await readVisibleBlobs(first?.dataDirectory ?? '')).every(({ intact }) => intact)).toBe(true);
  });
});
