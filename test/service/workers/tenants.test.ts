import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { basic, htpasswdOf } from '../../auth/htpasswd-file.ts';
import { sharedHub } from '../../integration/scene.ts';
import type { Layover } from '../../support/layover.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { image, images, largeBlob, RawConnection, startWithWorkers } from './scene.ts';

const hub = sharedHub(images);
const directory = await temporaryDirectory();
const users = join(directory.path, 'htpasswd');
const alice = { Authorization: basic('alice', 'apw').authorization };
const bob = { Authorization: basic('bob', 'bpw').authorization };
const PATHS = [
  '/v2/library/app/manifests/1',
  `/v2/library/app/manifests/${image.digest}`,
  `/v2/library/app/blobs/${largeBlob.digest}`,
];
let layover: Layover;

beforeAll(async () => {
  await writeFile(users, await htpasswdOf({ alice: 'apw', bob: 'bpw' }));
  layover = await startWithWorkers(hub(), {
    config: {
      auth: {
        htpasswd: { realm: 'house', path: users },
        policy: [{ users: ['alice'], repositories: ['**'], actions: ['pull'] }],
      },
    },
  });
  await using connection = new RawConnection(layover.port);
  for (const path of PATHS) await connection.request('GET', path, alice);
  await layover.settled();
});
afterAll(async () => {
  await layover?.[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
});

it.each(PATHS)('what one client may pull, no other one gets at the same connection: %s', async (path) => {
  await using connection = new RawConnection(layover.port);
  for (let round = 0; round < 20; round++) {
    const status = async (headers: Record<string, string>) => (await connection.request('GET', path, headers)).status;
    expect(await status(alice)).toBe(200);
    expect(await status(bob)).toBe(403);
    expect(await status({})).toBe(401);
    expect(await status({ Authorization: 'Basic' })).toBe(401);
    if (round === 10) expect(await status({ Authorization: basic('alice', 'bpw').authorization })).toBe(401);
    expect(await status({ Authorization: '' })).toBe(401);
    expect(await status({ Proxy: alice.Authorization, Cookie: alice.Authorization })).toBe(401);
  }
});

it('a removed user is refused within seconds, however often it pulls', async () => {
  await using connection = new RawConnection(layover.port);
  const status = async () => (await connection.request('GET', PATHS[0] ?? '', alice)).status;
  expect(await status()).toBe(200);
  await writeFile(users, await htpasswdOf({ bob: 'bpw' }));
  await expect.poll(status, { interval: 10 }).toBe(401);
});
