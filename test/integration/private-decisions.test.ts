import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { layoverCommand } from '../retention/command.ts';
import { FakeClock } from '../support/fake-clock.ts';
import type { Hub } from '../support/hub.ts';
import { Images } from '../support/images.ts';
import type { Layover } from '../support/layover.ts';
import { ask, errorOf } from '../http/v2/ask.ts';
import { CLIENTS, startPrivateCache, startPrivateHub } from './private-scene.ts';

const images = new Images();
const secret = images.addImage('acme/app', '1', { seed: 'secret' });
images.addImage('library/app', '1', { seed: 'open' });
const APP = 'docker.io/acme/app/manifests/1';
const OPEN = 'docker.io/library/app/manifests/1';
const DAY_MS = 86_400_000;

let hub: Hub;
beforeAll(async () => {
  hub = await startPrivateHub(images);
});
beforeEach(async () => {
  hub.faults.clear();
  await hub.resume();
  hub.requests.reset();
  hub.tokens.readers.set('acme/app', new Set(['acmebot']));
});
afterAll(() => hub[Symbol.asyncDispose]());

type Client = keyof typeof CLIENTS;

const statusOf = async (layover: Layover, path: string, client: Client) =>
  (await ask(`${layover.url}/v2/${path}`, { headers: { ...CLIENTS[client] } })).status;

const everyStatus = async (layover: Layover, path: string) =>
  Object.fromEntries(
    await Promise.all(
      (Object.keys(CLIENTS) as Client[]).map(
        async (client) => [client, await statusOf(layover, path, client)] as const,
      ),
    ),
  );

/** `layover access …` at a running server. */
const access = (layover: Layover, ...args: string[]) =>
  layoverCommand('access', ...args, '--config', layover.configFile);

describe('while the upstream cannot be queried', () => {
  it('the last decision counts until it is too old, then the response is 503', async () => {
    const clock = new FakeClock();
    await using layover = await startPrivateCache(hub, { clock, private: { maxage: '3d' } });
    expect(await everyStatus(layover, APP)).toEqual({ alice: 200, bob: 404, carol: 404, nobody: 401 });
    expect(await everyStatus(layover, OPEN)).toEqual({ alice: 200, bob: 200, carol: 200, nobody: 200 });
    await hub.stop();
    await clock.advance(DAY_MS + 60_000);
    expect(await everyStatus(layover, APP)).toMatchObject({ alice: 200 });
    expect(await everyStatus(layover, OPEN)).toEqual({ alice: 200, bob: 200, carol: 200, nobody: 200 });
    await clock.advance(2 * DAY_MS);
    expect(await everyStatus(layover, APP)).toEqual({ alice: 503, bob: 503, carol: 503, nobody: 503 });
    expect(await everyStatus(layover, OPEN)).toEqual({ alice: 503, bob: 503, carol: 503, nobody: 503 });
  });

  it('no decision is a 503 that does not show what is cached', async () => {
    await using layover = await startPrivateCache(hub);
    await hub.stop();
    for (const path of [APP, 'docker.io/acme/none/manifests/1']) {
      const response = await ask(`${layover.url}/v2/${path}`, { headers: { ...CLIENTS.alice } });
      expect(errorOf(response)).toEqual([503, 'UNAVAILABLE']);
      expect(response.headers['x-cache']).toBeUndefined();
    }
  });

  it('is 503 after the ttl with unreachable: deny', async () => {
    const clock = new FakeClock();
    await using layover = await startPrivateCache(hub, { clock, private: { unreachable: 'deny' } });
    expect(await statusOf(layover, APP, 'alice')).toBe(200);
    await hub.stop();
    expect(await statusOf(layover, APP, 'alice')).toBe(200);
    await clock.advance(5 * 60_000 + 1);
    expect(await statusOf(layover, APP, 'alice')).toBe(503);
  });
});

describe('decisions', () => {
  it('survive a restart in a file without secrets', async () => {
    await using layover = await startPrivateCache(hub);
    expect(await statusOf(layover, APP, 'alice')).toBe(200);
    expect(await statusOf(layover, OPEN, 'nobody')).toBe(200);
    await layover.restart();
    await hub.stop();
    expect(await statusOf(layover, APP, 'alice')).toBe(200);
    expect(await statusOf(layover, OPEN, 'nobody')).toBe(200);
    const text = await readFile(join(layover.dataDirectory, 'layover', 'access.json'), 'utf8');
    expect(text).toContain('"account:acmebot"');
    expect(text).not.toMatch(/upstream-secret|password|Bearer|Basic/);
  });

  it('are listed, checked and forgotten by command', async () => {
    await using layover = await startPrivateCache(hub);
    expect(await statusOf(layover, APP, 'alice')).toBe(200);
    const listed = await access(layover, 'list', '--names', 'docker.io/acme/**');
    expect(listed).toMatchObject({ code: 0, stderr: '' });
    expect(listed.stdout).toMatch(/^REPOSITORY +IDENTITY +DECISION +AGE +COUNTS FOR$/m);
    expect(listed.stdout).toMatch(/^docker\.io\/acme\/app +acmebot +may read +\S+ +\d/m);
    expect(listed.stdout).toMatch(/^docker\.io\/acme\/app +anonymous +refused/m);

    const check = (...args: string[]) => access(layover, 'check', 'docker.io/acme/app:1', ...args);
    expect(await check('--as', 'alice')).toMatchObject({
      code: 0,
      stdout: 'docker.io/acme/app: alice (acme) may read it by account acmebot\n',
    });
    expect(await check('--as', 'bob')).toMatchObject({
      code: 1,
      stdout: 'docker.io/acme/app: bob (beta) is refused\n',
    });
    expect(await check()).toMatchObject({ code: 1, stdout: 'docker.io/acme/app: an anonymous client is refused\n' });

    hub.tokens.readers.set('acme/app', new Set());
    expect(await statusOf(layover, APP, 'alice')).toBe(200);
    const forgotten = await access(layover, 'forget', 'docker.io/acme/**', '--identity', 'acmebot');
    expect(forgotten).toMatchObject({ code: 0, stdout: '1 decisions forgotten\n' });
    expect(await statusOf(layover, APP, 'alice')).toBe(404);
    expect(await access(layover, 'forget', '')).toMatchObject({ code: 1 });
    expect(await access(layover, 'check', 'ghcr.io/x/y')).toMatchObject({ code: 1 });
  });
});

describe('a mount from a private repository', () => {
  it.each(['docker.io/acme/app', undefined])('works for its readers only, from %s', async (from) => {
    await using layover = await startPrivateCache(hub, { proxy: { hosted: ['mine/**'] } });
    const [layer] = secret.layers;
    expect(await statusOf(layover, `docker.io/acme/app/blobs/${layer}`, 'alice')).toBe(200);
    await layover.settled();
    const mount = async (client: Client) => {
      const target = `${layover.url}/v2/mine/${client}/blobs`;
      const source = from === undefined ? '' : `&from=${from}`;
      const headers = { ...CLIENTS[client] };
      const { status } = await ask(`${target}/uploads/?mount=${layer}${source}`, { method: 'POST', headers });
      return [status, (await ask(`${target}/${layer}`, { headers })).status];
    };
    expect(await mount('bob')).toEqual([202, 404]);
    expect(await mount('alice')).toEqual([201, 200]);
  });
});
