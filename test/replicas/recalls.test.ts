import { describe, expect, it } from 'vitest';

import { pull } from '../integration/pulling.ts';
import { sharedHub } from '../integration/scene.ts';
import { layoverCommand } from '../retention/command.ts';
import { Images } from '../support/images.ts';
import { missingPrograms } from '../support/programs.ts';
import { RedisServer } from '../support/redis.ts';
import { startReplicas } from './replica-scene.ts';

const missing = await missingPrograms(['redis-server']);
if (missing.length > 0) console.warn('redis-server is missing: the tests of recalls by replicas are skipped');

const images = new Images();
const app = images.addImage('library/app', '1');
const hub = sharedHub(images);

describe.skipIf(missing.length > 0)('two replicas with one Redis', () => {
  it('both refuse a digest that one of them recalled, and serve it again', async () => {
    await using redis = await RedisServer.start();
    await using group = await startReplicas({ hub: hub(), redis: redis.address, count: 2 });
    const [first, second] = group.replicas;
    if (!first || !second) throw new Error('no replicas');
    const statusAt = async ({ url }: { readonly url: string }) =>
      (await pull(`${url}/v2/library/app/manifests/${app.digest}`)).status;
    expect([await statusAt(first), await statusAt(second)]).toEqual([200, 200]);

    // The socket in the storage is that of the replica that owns the directory.
    const recalled = await layoverCommand('recall', app.digest, '--config', second.configFile);
    expect(recalled).toMatchObject({ code: 0, stderr: '' });
    expect(await Promise.all([first, second].map(statusAt))).toEqual([403, 403]);
    await layoverCommand('recall', '--lift', app.digest, '--config', first.configFile);
    expect(await Promise.all([first, second].map(statusAt))).toEqual([200, 200]);

    redis.pause();
    const alone = await layoverCommand('recall', app.digest, '--config', first.configFile);
    expect(alone).toMatchObject({ code: 0, stderr: expect.stringContaining('not every replica has confirmed this') });
    redis.resume();
    await expect.poll(() => Promise.all([first, second].map(statusAt))).toEqual([403, 403]);
  });
});
