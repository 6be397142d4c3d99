import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { basic, htpasswdOf } from '../auth/htpasswd-file.ts';
import { startDockerRegistry } from '../support/docker-registry.ts';
import { writeDistributionLayout } from '../support/distribution-layout.ts';
import type { Hub } from '../support/hub.ts';
import { Images } from '../support/images.ts';
import { Layover } from '../support/layover.ts';
import { findProgram } from '../support/programs.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { ask, errorOf } from '../http/v2/ask.ts';
import { CLIENTS, startPrivateCache, startPrivateHub } from './private-scene.ts';

const images = new Images();
const secret = images.addImage('acme/app', '1', { layers: [600_000] });
images.addImage('library/app', '1', { seed: 'open' });
const layer = secret.layers.at(-1) ?? secret.config;
const BLOB = `docker.io/acme/app/blobs/${layer}`;

let hub: Hub;
beforeAll(async () => {
  hub = await startPrivateHub(images);
});
beforeEach(() => {
  hub.faults.clear();
  hub.requests.reset();
});
afterAll(() => hub[Symbol.asyncDispose]());

const statusOf = async (url: string, client: keyof typeof CLIENTS, path: string) =>
  (await ask(`${url}/v2/${path}`, { headers: { ...CLIENTS[client] } })).status;

describe('a private blob', () => {
  it('is refused to others while it is fetched for a client that may read it', async () => {
    await using layover = await startPrivateCache(hub, {});
    hub.faults.throttle(200_000, { on: 'cdn-get' });
    const reading = ask(`${layover.url}/v2/${BLOB}`, { headers: { ...CLIENTS.alice } });
    await expect.poll(() => hub.requests.count('cdn-get')).toBe(1);
    expect(await statusOf(layover.url, 'bob', BLOB)).toBe(404);
    expect(await statusOf(layover.url, 'nobody', BLOB)).toBe(401);
    expect(await statusOf(layover.url, 'alice', `docker.io/library/app/blobs/${layer}`)).toBe(404);
    expect((await reading).body.length).toBe(600_000);
    expect(hub.requests.count('cdn-get')).toBe(1);
  });

  it('is refused in front of workers, too', async () => {
    await using layover = await startPrivateCache(hub, { ownProcess: true, config: { http: { workers: 2 } } });
    for (let i = 0; i < 4; i++) {
      expect(await statusOf(layover.url, 'alice', BLOB)).toBe(200);
      expect(await statusOf(layover.url, 'bob', BLOB)).toBe(404);
      expect(await statusOf(layover.url, 'nobody', 'docker.io/library/app/manifests/1')).toBe(200);
    }
  });
});

it('an upstream with passwords instead of tokens is queried in the same form', async () => {
  const program = await findProgram('docker-registry');
  if (program === undefined) return;
  await using directory = await temporaryDirectory();
  const root = join(directory.path, 'registry');
  await writeDistributionLayout(root, images);
  const users = join(directory.path, 'users');
  await writeFile(users, await htpasswdOf({ robot: 'robot-password' }));
  await using registry = await startDockerRegistry(program, {
    storage: { filesystem: { rootdirectory: root } },
    auth: { htpasswd: { realm: 'upstream', path: users } },
  });
  const clients = join(directory.path, 'clients');
  await writeFile(clients, await htpasswdOf({ alice: 'a-password', bob: 'b-password' }));
  const credentials = [{ username: 'robot', password: 'robot-password', groups: ['acme'] }];
  await using layover = await Layover.start({
    config: {
      proxy: {
        upstreams: [{ name: 'corp.example', remoteurl: registry.url, credentials, private: { access: 'groups' } }],
      },
      auth: { htpasswd: { realm: 'cache', path: clients }, groups: { acme: ['alice'] } },
    },
  });
  for (const path of ['manifests/1', 'tags/list', `blobs/${layer}`, 'manifests/none']) {
    const get = (user: string, password: string) =>
      ask(`${layover.url}/v2/corp.example/acme/app/${path}`, { headers: basic(user, password) });
    expect([path, (await get('alice', 'a-password')).status]).toEqual([path, path.endsWith('none') ? 404 : 200]);
    expect([path, ...errorOf(await get('bob', 'b-password'))]).toEqual([path, 404, 'NAME_UNKNOWN']);
  }
});
