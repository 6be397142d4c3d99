import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { ask } from '../http/v2/ask.ts';
import { CLIENTS, startPrivateCache, startPrivateHub } from '../integration/private-scene.ts';
import type { Hub } from '../support/hub.ts';
import { Images } from '../support/images.ts';
import type { Layover } from '../support/layover.ts';
import { openRedis, RedisServer } from '../support/redis.ts';
import { layoverCommand } from '../retention/command.ts';
import { missing } from './redis-under-test.ts';

const images = new Images();
images.addImage('acme/app', '1', { seed: 'secret' });
const APP = 'docker.io/acme/app/manifests/1';

let hub: Hub;
beforeAll(async () => {
  hub = await startPrivateHub(images);
});
beforeEach(() => {
  hub.requests.reset();
  hub.tokens.readers.set('acme/app', new Set(['acmebot']));
});
afterAll(() => hub[Symbol.asyncDispose]());

const statusOf = async (layover: Layover, client: keyof typeof CLIENTS) =>
  (await ask(`${layover.url}/v2/${APP}`, { headers: { ...CLIENTS[client] } })).status;

/** `layover access …` at a running server. */
const access = (layover: Layover, ...args: string[]) =>
  layoverCommand('access', ...args, '--config', layover.configFile);

describe.skipIf(missing !== undefined)('replicas that share Redis', () => {
  it('share decisions, and forget them together', async () => {
    await using redis = await openRedis();
    const config = { redis: { addrs: [redis.address] } };
    await using one = await startPrivateCache(hub, { config });
    await using other = await startPrivateCache(hub, { config });
    expect(await statusOf(one, 'alice')).toBe(200);
    hub.tokens.readers.set('acme/app', new Set());
    hub.tokens.revokeAll();
    // By the decision of the other replica; its own token is not needed to serve what is cached there.
    expect(await access(other, 'check', 'docker.io/acme/app', '--as', 'alice')).toMatchObject({
      code: 0,
    });
    expect(await statusOf(other, 'bob')).toBe(404);
    const keys = await redis.admin.keys('layover:v1:access:*');
    expect(keys.length).toBe(2);
    const stored = JSON.stringify(await redis.admin.hgetall(keys.find((key) => !key.endsWith(':ends')) ?? ''));
    expect(stored).toContain('account%3Aacmebot');
    expect(stored).not.toMatch(/upstream-secret|password|Bearer|Basic/);

    expect(await access(one, 'forget', '**')).toMatchObject({ code: 0 });
    expect(await statusOf(one, 'alice')).toBe(404);
    await expect.poll(async () => (await access(other, 'check', 'docker.io/acme/app', '--as', 'alice')).code).toBe(1);
  });

  it('do not report decisions as forgotten that Redis keeps', async () => {
    await using redis = await RedisServer.start();
    await using layover = await startPrivateCache(hub, { config: { redis: { addrs: [redis.address] } } });
    expect(await statusOf(layover, 'alice')).toBe(200);
    hub.tokens.readers.set('acme/app', new Set());
    await redis.kill();
    const forgotten = await access(layover, 'forget', '**');
    expect([forgotten.code, forgotten.stdout]).toEqual([1, '']);
    expect(forgotten.stderr).toContain('Redis cannot be reached');
    expect(await statusOf(layover, 'alice')).toBe(404);
  });
});
