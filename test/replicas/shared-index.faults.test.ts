import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import type { Digest } from '../../src/oci/digest.ts';
import { metric, pullImage, storedOf } from '../retention/expiring-cache.ts';
import { cacheCommand } from '../retention/command.ts';
import { pull } from '../integration/pulling.ts';
import { sharedHub } from '../integration/scene.ts';
import { expectNothingBroken } from '../integration/stored-data.ts';
import { Images } from '../support/images.ts';
import type { Layover } from '../support/layover.ts';
import { missingPrograms } from '../support/programs.ts';
import { RedisServer, until } from '../support/redis.ts';
import { startReplicas } from './replica-scene.ts';

const missing = await missingPrograms(['redis-server']);
if (missing.length > 0) console.warn('redis-server is missing: the tests of the shared index are skipped');

const images = new Images();
const image = images.addImage('library/app', 'latest', { layers: [4096, 20_000] });
const other = images.addImage('library/other', 'latest', { layers: [300_000] });
const allOf = ({ digest, config, layers }: typeof image): Digest[] => [digest, config, ...layers];
const layersOf = ({ config, layers }: typeof image) => ({ tag: 'latest', layers: [config, ...layers] });
const SOON = { timeout: 30_000, interval: 100 };

async function sumOf(replicas: readonly Layover[], name: string): Promise<number> {
  const values = await Promise.all(replicas.map((replica) => metric(replica, name)));
  return values.reduce((sum, value) => sum + value, 0);
}

/** Their spools lie elsewhere: a client has its last byte a little before a blob is there. */
async function expectStored(replica: Layover, digests: readonly Digest[]): Promise<void> {
  await expect.poll(() => storedOf(replica, digests), SOON).toEqual(digests);
  await expectNothingBroken(replica);
}

/** Asks for the manifest again and again. */
function keepUsing({ url }: Layover, repository: string) {
  const head = () => void pull(`${url}/v2/${repository}/manifests/latest`, { method: 'HEAD' }).catch(() => {});
  const timer = setInterval(head, 200);
  return { stop: () => clearInterval(timer) };
}

/** Waits until exactly one of them looks after the content. */
async function findLeader(replicas: readonly Layover[]): Promise<Layover> {
  let leaders: Layover[] = [];
  await until(async () => {
    const values = await Promise.all(replicas.map((replica) => metric(replica, 'layover_housekeeping_leader')));
    leaders = replicas.filter((_, i) => values[i] === 1);
    return leaders.length === 1;
  });
  return leaders[0] as Layover;
}

const isComplete = (redis: RedisServer) => async () =>
  (await redis.admin.hget('layover:v1:index:{usage}:meta', 'marker-complete')) !== null;

describe.skipIf(missing.length > 0)('three replicas with one index', () => {
  const hub = sharedHub(images, { challenge: 'none', redirectBlobs: false });
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await RedisServer.start();
  });
  afterAll(() => redis[Symbol.asyncDispose]());
  beforeEach(() => redis.admin.flushall());

  it('forget what nobody used, each reference once, and know of the uses that others see', async () => {
    await using scene = await startReplicas({ hub: hub(), redis: redis.address, proxy: { ttl: '4s' } });
    const [first, second, third] = scene.replicas as [Layover, Layover, Layover];
    await pullImage(first, 'library/app', layersOf(image));
    await pullImage(second, 'library/other', layersOf(other));
    await expectStored(first, [...allOf(image), ...allOf(other)]);

    // The third one alone sees that the first image is in use.
    await expect
      .poll(async () => {
        await pull(`${third.url}/v2/library/app/manifests/latest`, { method: 'HEAD' });
        return storedOf(first, allOf(other));
      }, SOON)
      .toEqual([]);
    expect(await storedOf(first, allOf(image))).toEqual(allOf(image));
    expect(await sumOf(scene.replicas, 'layover_expired_total')).toBe(allOf(other).length);

    await expect.poll(() => storedOf(first, allOf(image)), SOON).toEqual([]);
    await expectNothingBroken(first);
    expect(await sumOf(scene.replicas, 'layover_expired_total')).toBe(allOf(other).length + allOf(image).length);
    await pullImage(second, 'library/app', layersOf(image));
  });

  it('go on when the one that looks after the content is killed', async () => {
    await using scene = await startReplicas({ hub: hub(), redis: redis.address, proxy: { ttl: '4s' } });
    const leader = await findLeader(scene.replicas);
    const others = scene.replicas.filter((replica) => replica !== leader) as [Layover, Layover];
    await pullImage(others[0], 'library/app', layersOf(image));
    await expectStored(leader, allOf(image));
    await leader.kill('SIGKILL');
    await expect.poll(() => storedOf(leader, allOf(image)), SOON).toEqual([]);
    expect(await sumOf(others, 'layover_expired_total')).toBe(allOf(image).length);
    await expectNothingBroken(leader);
  });

  it('finish a job whose process is killed in the middle, without requesting its manifests again', async () => {
    const [, layer = ''] = image.layers;
    const stuck = hub().faults.add({ reference: layer }, { instead: 'hang' });
    const warm = [{ name: 'base', images: ['app:latest'] }];
    await using scene = await startReplicas({ hub: hub(), redis: redis.address, proxy: { warm } });
    const leader = await findLeader(scene.replicas);
    const requested = () => hub().requests.all.some(({ reference }) => reference === layer);
    await expect.poll(requested, SOON).toBe(true);
    await expect.poll(() => storedOf(leader, [image.digest]), SOON).toEqual([image.digest]);
    expect(await storedOf(leader, [layer as Digest])).toEqual([]);
    await leader.kill('SIGKILL');
    stuck();
    await expect.poll(() => storedOf(leader, allOf(image)), SOON).toEqual(allOf(image));
    expect(hub().requests.count('manifest-get')).toBe(1);
    await expectNothingBroken(leader);
  });

  it('lose nothing to one that was paused while it looked after the content, and wakes up', async () => {
    await using scene = await startReplicas({ hub: hub(), redis: redis.address, proxy: { ttl: '4s' } });
    const leader = await findLeader(scene.replicas);
    const others = scene.replicas.filter((replica) => replica !== leader) as [Layover, Layover];
    await pullImage(others[0], 'library/app', layersOf(image));
    await expectStored(leader, allOf(image));
    const used = keepUsing(others[1], 'library/app');
    process.kill(leader.pid, 'SIGSTOP');
    try {
      const next = await findLeader(others);
      // Until something has expired that was not used, the content of the test would have twice.
      await pullImage(next, 'library/other', layersOf(other));
      await expectStored(leader, allOf(other));
      await expect.poll(() => storedOf(leader, allOf(other)), SOON).toEqual([]);
    } catch (err) {
      used.stop();
      throw err;
    } finally {
      process.kill(leader.pid, 'SIGCONT');
    }
    await until(async () => (await metric(leader, 'layover_housekeeping_leader')) === 0);
    used.stop();
    expect(await storedOf(leader, allOf(image))).toEqual(allOf(image));
    expect(await sumOf(scene.replicas, 'layover_expired_total')).toBe(allOf(other).length);
    hub().requests.reset();
    await pullImage(others[1], 'library/app', layersOf(image));
    expect(hub().requests.all).toEqual([]);
  });

  it('make the index again when Redis was flushed, in one of them, and forget nothing meanwhile', async () => {
    const quota = { size: 400_000, low: 0.5 };
    await using scene = await startReplicas({ hub: hub(), redis: redis.address, storage: { quota } });
    const [first, second] = scene.replicas as [Layover, Layover, Layover];
    await until(isComplete(redis));
    await pullImage(first, 'library/other', layersOf(other));
    await expectStored(first, allOf(other));
    const { references } = JSON.parse((await cacheCommand(first, 'cache', 'stats', '--json')).stdout) as {
      references: number;
    };
    expect((await cacheCommand(first, 'cache', 'pin', 'docker.io/library/other')).code).toBe(0);
    await redis.admin.flushall();
    await pullImage(second, 'library/other', layersOf(other));
    await until(isComplete(redis));
    const made = () => scene.replicas.flatMap(({ output }) => output.match(/index rebuilt/g) ?? []).length;
    // At the start, and after the flush: by one of them each time.
    await expect.poll(made, SOON).toBe(2);
    expect(await storedOf(first, allOf(other))).toEqual(allOf(other));
    const stats = JSON.parse((await cacheCommand(first, 'cache', 'stats', '--json')).stdout) as object;
    expect(stats).toMatchObject({ references, complete: true, pins: 1 });
    expect(await sumOf(scene.replicas, 'layover_evicted_total')).toBe(0);
  });

  it('obey a command that one of them is given, and have nothing in memory that is gone', async () => {
    await using scene = await startReplicas({ hub: hub(), redis: redis.address });
    const [first, second, third] = scene.replicas as [Layover, Layover, Layover];
    for (const replica of scene.replicas) await pullImage(replica, 'library/app', layersOf(image));
    await expectStored(first, allOf(image));
    const evicted = await cacheCommand(third, 'cache', 'evict', 'docker.io/library/app:latest', '--json');
    expect(JSON.parse(evicted.stdout)).toMatchObject({ references: allOf(image).length });
    await expectNothingBroken(first);
    // The second one has served all of it from memory.
    hub().requests.reset();
    await expect
      .poll(async () => {
        await pull(`${second.url}/v2/library/app/blobs/${image.config}`);
        return hub().requests.count('blob-get');
      }, SOON)
      .toBe(1);
  });

  it('serve and keep while Redis is away, and record afterwards what came meanwhile', async () => {
    await using gone = await RedisServer.start();
    await using scene = await startReplicas({ hub: hub(), redis: gone.address, count: 2, proxy: { ttl: '1h' } });
    const [first, second] = scene.replicas as [Layover, Layover];
    await until(isComplete(gone));
    await gone.kill();
    await Promise.all(scene.replicas.map((replica) => replica.waitForOutput(/Redis unavailable/)));
    await pullImage(first, 'library/app', layersOf(image));
    await pullImage(second, 'library/app', layersOf(image));
    await expectStored(first, allOf(image));
    const notes = join(first.dataDirectory, 'layover/unrecorded');
    expect((await readdir(notes)).length).toBeGreaterThan(0);

    await gone.launch();
    // It was not saved: all of it is made again, from storage.
    await until(isComplete(gone));
    const references = async () => Number(await gone.admin.hget('layover:v1:index:{usage}:meta', 'references'));
    await until(async () => (await references()) === allOf(image).length);
    expect(first.output).not.toMatch(/housekeeping failed/);
    await expectNothingBroken(first);
  });
});
