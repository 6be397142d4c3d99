import { describe, expect, it } from 'vitest';

import { recordedPulls } from '../audit/recorded-pulls.ts';
import { pull } from '../integration/pulling.ts';
import { sharedHub } from '../integration/scene.ts';
import { cacheCommand } from '../retention/command.ts';
import { Images } from '../support/images.ts';
import { missingPrograms } from '../support/programs.ts';
import { RedisServer } from '../support/redis.ts';
import { startReplicas } from './replica-scene.ts';

const missing = await missingPrograms(['redis-server']);
if (missing.length > 0) console.warn('redis-server is missing: the tests of shared pull records are skipped');

const images = new Images();
const multi = images.addIndex('library/multi', '1');
const hub = sharedHub(images);

describe.skipIf(missing.length > 0)('two replicas with one Redis', () => {
  it('have one record of pulls, which survives both and a Redis that was away', async () => {
    await using redis = await RedisServer.start();
    await using group = await startReplicas({ hub: hub(), redis: redis.address, count: 2 });
    const [first, second] = group.replicas;
    if (!first || !second) throw new Error('no replicas');
    await pull(`${first.url}/v2/library/multi/manifests/1`, { headers: { 'user-agent': 'first' } });
    const child = `${second.url}/v2/library/multi/manifests/${multi.images.arm64.digest}`;
    await pull(child, { headers: { 'user-agent': 'second' } });
    const byAgent = async () => {
      const records = await recordedPulls(first);
      return records.map(({ userAgent, platform }) => [userAgent, platform]).toSorted();
    };
    await expect.poll(byAgent).toEqual([
      ['first', undefined],
      ['second', 'linux/arm64'],
    ]);

    // Nothing is lost in a few seconds without Redis, and pulls are served meanwhile.
    redis.pause();
    expect(await pull(child, { headers: { 'user-agent': 'meanwhile' } })).toMatchObject({ status: 200 });
    await second.waitForOutput(/Redis unavailable/);
    redis.resume();
    await expect.poll(async () => (await byAgent()).map(([agent]) => agent)).toEqual(['first', 'meanwhile', 'second']);

    for (const replica of group.replicas) await replica.kill('SIGTERM');
    const { stdout } = await cacheCommand(first, 'audit', 'pulls', '--json', '--digest', multi.digest);
    expect(stdout.trimEnd().split('\n')).toHaveLength(3);
  });
});
