import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { basic, htpasswdOf } from '../auth/htpasswd-file.ts';
import { FakeClock } from '../support/fake-clock.ts';
import type { Hub } from '../support/hub.ts';
import { Images } from '../support/images.ts';
import { dockerHubUpstream, Layover, type LayoverOptions } from '../support/layover.ts';
import { filesBelow } from '../support/data-directory.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { ask, errorOf } from '../http/v2/ask.ts';
import { ACCOUNTS, startPrivateHub } from './private-scene.ts';

const images = new Images();
const secret = images.addImage('acme/app', '1', { seed: 'secret' });
images.addImage('acme/other', '1', { seed: 'other' });
images.addImage('library/app', '1', { seed: 'open' });
const APP = 'acme/app/manifests/1';

let hub: Hub;
beforeAll(async () => {
  hub = await startPrivateHub(images);
  hub.tokens.privateRepositories.add('acme/other');
});
beforeEach(() => {
  hub.requests.reset();
  hub.tokens.limitOf = () => undefined;
  hub.tokens.readers.set('acme/app', new Set(['acmebot']));
});
afterAll(() => hub[Symbol.asyncDispose]());

/** A cache without accounts of the upstream. */
function start(options: Omit<LayoverOptions, 'config'> = {}, auth = {}): Promise<Layover> {
  const upstream = dockerHubUpstream(hub, { private: { access: 'forward' } });
  return Layover.start({ ...options, config: { proxy: { upstreams: [upstream] }, ...auth } });
}

const get = (layover: Layover, path: string, token?: string) =>
  ask(`${layover.url}/v2/${path}`, { headers: token === undefined ? {} : { authorization: `Bearer ${token}` } });

/** What a client does with a challenge: it gets a token with its login at the upstream. */
async function tokenFor(challenge: unknown, user: keyof typeof ACCOUNTS): Promise<string> {
  const [, realm = '', service = '', scope = ''] =
    /^Bearer realm="([^"]+)",service="([^"]+)",scope="([^"]+)"$/.exec(String(challenge)) ?? [];
  const url = `${realm}?${new URLSearchParams({ service, scope }).toString()}`;
  const response = await ask(url, { headers: basic(user, ACCOUNTS[user]) });
  return (JSON.parse(response.body.toString()) as { token: string }).token;
}

describe('a token of the upstream', () => {
  it('is requested with the challenge of the upstream, and opens its repository', async () => {
    await using layover = await start();
    const refused = await get(layover, APP);
    expect(errorOf(refused)).toEqual([401, 'UNAUTHORIZED']);
    expect(refused.headers['www-authenticate']).toMatch(/^Bearer realm="http:\/\/127\.0\.0\.1:\d+\/token",/);
    expect(refused.headers['www-authenticate']).toMatch(/scope="repository:acme\/app:pull"$/);
    expect(refused.headers['x-cache']).toBeUndefined();

    const token = await tokenFor(refused.headers['www-authenticate'], 'acmebot');
    const manifest = await get(layover, APP, token);
    expect([manifest.status, manifest.headers['cache-control']]).toEqual([200, 'private, no-store']);
    const [layer = ''] = secret.layers;
    expect((await get(layover, `acme/app/blobs/${layer}`, token)).status).toBe(200);
    await layover.settled();
    expect((await layover.visibleBlobs()).every(({ intact }) => intact)).toBe(true);
    // Cached by now, and still closed to others.
    expect((await get(layover, `acme/app/blobs/${layer}`)).status).toBe(401);
    expect((await get(layover, 'library/app/manifests/1')).status).toBe(200);
  });

  it('of another user, for another repository, or made up, opens nothing', async () => {
    await using layover = await start();
    const token = async (path: string, user: keyof typeof ACCOUNTS) =>
      tokenFor((await get(layover, path)).headers['www-authenticate'], user);
    const good = await token(APP, 'acmebot');
    expect((await get(layover, APP, good)).status).toBe(200);
    expect((await get(layover, APP, await token(APP, 'betabot'))).status).toBe(401);
    expect((await get(layover, APP, await token('acme/other/manifests/1', 'acmebot'))).status).toBe(401);
    expect((await get(layover, 'acme/other/manifests/1', good)).status).toBe(401);
    expect((await get(layover, APP, 'x')).status).toBe(401);
    expect((await get(layover, `acme/app/blobs/${secret.layers[0]}`, 'x'.repeat(8_000))).status).toBe(401);
  });

  it('is checked once, and ends with its time', async () => {
    const clock = new FakeClock();
    await using layover = await start({ clock });
    hub.tokens.lifetimeMs = 60_000;
    const token = await tokenFor((await get(layover, APP)).headers['www-authenticate'], 'acmebot');
    expect((await get(layover, APP, token)).status).toBe(200);
    hub.requests.reset();
    expect((await get(layover, APP, token)).status).toBe(200);
    expect(hub.requests.lines()).toEqual([]);
    await clock.advance(61_000);
    expect((await get(layover, APP, token)).status).toBe(401);
    // It is known to have ended, and not sent again.
    expect(hub.requests.of('manifest-head').length).toBe(0);
    hub.tokens.lifetimeMs = 300_000;
  });

  it('is neither logged nor stored', async () => {
    await using layover = await start();
    const token = await tokenFor((await get(layover, APP)).headers['www-authenticate'], 'acmebot');
    expect((await get(layover, APP, token)).status).toBe(200);
    expect((await get(layover, `acme/app/blobs/${secret.layers[0]}`, token)).status).toBe(200);
    await layover.restart();
    for (const part of [token, token.split('.').at(-1) ?? '']) {
      expect(layover.output).not.toContain(part);
      for (const path of (await filesBelow(layover.dataDirectory)).filter((each) => !each.endsWith('.sock')))
        expect((await readFile(path)).includes(part), path).toBe(false);
    }
    expect((await get(layover, APP)).status).toBe(401);
  });

  it('passes the authentication of the cache where anonymous clients may pull', async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, 'htpasswd');
    await writeFile(path, await htpasswdOf({ alice: 'a-password' }));
    const auth = { htpasswd: { realm: 'cache', path }, anonymous: { repositories: ['**'] } };
    await using layover = await start({}, { auth });
    const refused = await get(layover, APP);
    expect(refused.headers['www-authenticate']).toMatch(/scope="repository:acme\/app:pull"$/);
    const token = await tokenFor(refused.headers['www-authenticate'], 'acmebot');
    expect((await get(layover, APP, token)).status).toBe(200);
  });
});
