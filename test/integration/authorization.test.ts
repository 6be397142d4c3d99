import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { basic, htpasswdOf } from '../auth/htpasswd-file.ts';
import { Images } from '../support/images.ts';
import { dockerHubUpstream, Layover } from '../support/layover.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { ask, errorOf, json } from '../http/v2/ask.ts';
import { sharedHub } from './scene.ts';

const images = new Images();
const app = images.addImage('library/app', '1', { seed: 'one' });
images.addImage('team/app', '1', { seed: 'two' });
const hub = sharedHub(images);

const directory = await temporaryDirectory();
const htpasswd = join(directory.path, 'htpasswd');
const groups = join(directory.path, 'groups');
const jwks = join(directory.path, 'jwks.json');
const KEY = Buffer.alloc(32, 'k');

beforeAll(async () => {
  await writeFile(htpasswd, await htpasswdOf({ alice: 'apw', bob: 'bpw', carol: 'cpw', root: 'rpw' }));
  await writeFile(groups, 'readers: bob carol\n# nobody else\npushers: carol\n');
  await writeFile(jwks, JSON.stringify({ keys: [{ kty: 'oct', kid: 'k', k: KEY.toString('base64url') }] }));
});
afterAll(() => directory[Symbol.asyncDispose]());

const alice = basic('alice', 'apw');
const bob = basic('bob', 'bpw');
const carol = basic('carol', 'cpw');
const root = basic('root', 'rpw');
const password = { htpasswd: { realm: 'house', path: htpasswd } };
const tokenServer = { token: { realm: 'https://auth.example/token', service: 'here', issuer: 'auth', jwks } };

async function bearer(access: readonly object[], subject = 'robot') {
  const claims = new SignJWT({ access }).setProtectedHeader({ alg: 'HS256', kid: 'k' }).setExpirationTime('5m');
  const token = await claims.setIssuer('auth').setAudience('here').setSubject(subject).sign(KEY);
  return { authorization: `Bearer ${token}` };
}

const repository = (name: string, ...actions: string[]) => ({ type: 'repository', name, actions });

describe('rules for repositories', () => {
  let layover: Layover;
  beforeAll(async () => {
    layover = await Layover.start({
      config: {
        storage: { delete: { enabled: true } },
        proxy: {
          upstreams: [dockerHubUpstream(hub()), { name: 'ghcr.io', remoteurl: hub().url }],
          hosted: ['house/**', 'secret/**'],
        },
        auth: {
          ...password,
          ...tokenServer,
          anonymous: { repositories: ['docker.io/library/*'] },
          groupfile: groups,
          policy: [
            { users: ['alice'], repositories: ['docker.io/**'], actions: ['pull'] },
            { groups: ['readers'], repositories: ['secret/**'], actions: ['pull'], effect: 'deny' },
            { groups: ['readers'], repositories: ['house/**', 'secret/**'], actions: ['pull'] },
            { groups: ['pushers'], repositories: ['house/**'], actions: ['push'] },
            { users: ['root', 'robot'], actions: ['*'] },
          ],
        },
      },
    });
  });
  afterAll(() => layover[Symbol.asyncDispose]());

  const answerTo = (target: string, headers: object = {}, method = 'GET') =>
    ask(`${layover.url}/v2/${target}`, { method, headers: { ...headers } });
  const statusOf = async (...request: Parameters<typeof answerTo>) => (await answerTo(...request)).status;

  it.each([
    ['team/app/manifests/1', 200],
    ['docker.io/team/app/manifests/1', 200],
    ['team/app/manifests/1?ns=docker.io', 200],
    ['team/app/manifests/1?ns=index.docker.io', 200],
    ['ghcr.io/team/app/manifests/1', 403],
    ['team/app/manifests/1?ns=ghcr.io', 403],
    ['house/app/manifests/1', 403],
  ])('are about the name that %s is stored under', async (target, status) => {
    expect(await statusOf(target, alice)).toBe(status);
  });

  it('are about Host as well', async () => {
    expect(await statusOf('team/app/manifests/1', { ...alice, host: 'ghcr.io' })).toBe(403);
  });

  it('let everybody pull what everybody may, and ask who it is for the rest', async () => {
    expect((await answerTo('library/app/manifests/1')).headers['docker-content-digest']).toBe(app.digest);
    expect(await statusOf('app/manifests/1')).toBe(200);
    expect(await statusOf('app/manifests/1', bob)).toBe(200); // who is known may no less
    expect(errorOf(await answerTo('team/app/manifests/1'))).toEqual([401, 'UNAUTHORIZED']);
    expect(await statusOf('library/app/blobs/uploads/', {}, 'POST')).toBe(401);
    expect(await statusOf('app/manifests/1', basic('bob', 'wrong'))).toBe(401);
  });

  it('are told as 403 to those who are known', async () => {
    hub().requests.reset();
    const answer = await answerTo('ghcr.io/team/app/manifests/1', alice);
    expect(errorOf(answer)).toEqual([403, 'DENIED']);
    expect(answer.headers['www-authenticate']).toBeUndefined();
    expect(hub().requests.counts()).toEqual({});
  });

  it('tell of every method, the token server first', async () => {
    expect((await answerTo('house/app/tags/list')).headers['www-authenticate']).toBe(
      'Bearer realm="https://auth.example/token",service="here",scope="repository:house/app:pull", Basic realm="house"',
    );
    const { rawHeaders } = await fetchRaw(`${layover.url}/v2/`);
    expect(rawHeaders.filter((name) => name.toLowerCase() === 'www-authenticate')).toHaveLength(2);
  });

  it('say who may push, and who may delete', async () => {
    expect(await statusOf('house/app/blobs/uploads/', bob, 'POST')).toBe(403);
    expect(await statusOf('house/app/blobs/uploads/', carol, 'POST')).toBe(202);
    expect(await statusOf(`house/app/manifests/${app.digest}`, carol, 'DELETE')).toBe(403);
    expect(await statusOf(`house/app/manifests/${app.digest}`, root, 'DELETE')).toBe(404);
    expect(await statusOf('secret/app/tags/list', bob)).toBe(403); // denied before it is allowed
  });

  it('are those of the file of groups, as it is now', async () => {
    expect(await statusOf('house/app/tags/list', carol)).toBe(404);
    await writeFile(groups, 'readers: bob\n');
    await expect.poll(() => statusOf('house/app/tags/list', carol)).toBe(403);
    await writeFile(groups, 'readers: bob carol\npushers: carol\n');
    await expect.poll(() => statusOf('house/app/tags/list', carol)).toBe(404);
  });

  it('hide from the catalog what may not be pulled', async () => {
    await pushEmpty('house/one');
    await pushEmpty('house/two');
    await pushEmpty('secret/three');
    expect(await statusOf('team/app/manifests/1', alice)).toBe(200);
    const listFor = async (headers: object, query = '') =>
      (json(await answerTo(`_catalog${query}`, headers)) as { repositories: string[] }).repositories;
    expect(await listFor(root)).toEqual(
      expect.arrayContaining(['docker.io/library/app', 'docker.io/team/app', 'house/one', 'secret/three']),
    );
    expect(await listFor(bob)).toEqual(['docker.io/library/app', 'house/one', 'house/two']);
    expect(await listFor({})).toEqual(['docker.io/library/app']);
    const first = await answerTo('_catalog?n=2', bob);
    expect(json(first)).toEqual({ repositories: ['docker.io/library/app', 'house/one'] });
    expect(first.headers.link).toBe('</v2/_catalog?n=2&last=house%2Fone>; rel="next"');
    expect(await listFor(bob, '?n=2&last=house/one')).toEqual(['house/two']);
  });

  it('hold for the bearer of a token too, whatever that is for', async () => {
    const token = await bearer([repository('house/one', 'pull'), repository('ghcr.io/team/app', 'pull')], 'alice');
    expect(errorOf(await answerTo('house/one/tags/list', token))).toEqual([403, 'DENIED']);
  });

  it('do not let a token for a name reach the same name elsewhere', async () => {
    const token = await bearer([repository('team/app', 'pull')]);
    expect(await statusOf('team/app/manifests/1', token)).toBe(200);
    expect(await statusOf('team/app/manifests/1?ns=docker.io', token)).toBe(200);
    const elsewhere = await answerTo('team/app/manifests/1?ns=ghcr.io', token);
    expect(elsewhere.status).toBe(401);
    expect(elsewhere.headers['www-authenticate']).toContain(
      ',scope="repository:ghcr.io/team/app:pull",error="insufficient_scope"',
    );
    const exact = await bearer([repository('ghcr.io/team/app', 'pull')]);
    expect(await statusOf('team/app/manifests/1?ns=ghcr.io', exact)).toBe(200);
  });

  it('make an upload of a mount from where the client may not pull', async () => {
    const digest = await pushEmpty('house/source');
    const mount = `house/target/blobs/uploads/?mount=${digest}&from=house/source`;
    const push = repository('house/target', 'pull', 'push');
    expect(await statusOf(mount, await bearer([push]), 'POST')).toBe(202);
    expect(await statusOf(mount, await bearer([push, repository('house/source', 'pull')]), 'POST')).toBe(201);
    const hidden = await pushEmpty('secret/source', 'hidden');
    expect(await statusOf(`house/a/blobs/uploads/?mount=${hidden}&from=secret/source`, carol, 'POST')).toBe(202);
    expect(await statusOf(`house/a/blobs/uploads/?mount=${hidden}`, carol, 'POST')).toBe(202);
    expect(await statusOf(`house/a/blobs/${hidden}`, carol)).toBe(404);
  });

  async function pushEmpty(name: string, content = 'content'): Promise<string> {
    const body = Buffer.from(content);
    const digest = `sha256:${Buffer.from(await crypto.subtle.digest('SHA-256', body)).toString('hex')}`;
    const pushed = await fetch(`${layover.url}/v2/${name}/blobs/uploads/?digest=${digest}`, {
      method: 'POST',
      headers: { ...root, 'content-type': 'application/octet-stream' },
      body,
    });
    expect(pushed.status).toBe(201);
    const config = { mediaType: 'application/vnd.oci.empty.v1+json', digest, size: body.length };
    const mediaType = 'application/vnd.oci.image.manifest.v1+json';
    const manifest = await fetch(`${layover.url}/v2/${name}/manifests/1`, {
      method: 'PUT',
      headers: { ...root, 'content-type': mediaType },
      body: JSON.stringify({ schemaVersion: 2, mediaType, config, layers: [] }),
    });
    expect(manifest.status).toBe(201);
    return digest;
  }
});

describe('a mirror that only some may push to', () => {
  it('answers its ping openly when it is told to, so that Docker pulls without a login', async () => {
    const auth = { ...password, anonymous: { ping: true } };
    const proxy = { remoteurl: hub().url };
    await using layover = await Layover.start({ config: { auth, proxy } });
    const statusOf = async (target: string) => (await ask(`${layover.url}/v2/${target}`)).status;
    expect([await statusOf(''), await statusOf('library/app/manifests/1')]).toEqual([200, 200]);
    expect((await ask(`${layover.url}/v2/library/app/blobs/uploads/`, { method: 'POST' })).status).toBe(401);
  });

  it('has names without a prefix where the storage has none', async () => {
    const auth = { ...password, policy: [{ users: ['alice'], repositories: ['library/*'], actions: ['pull'] }] };
    await using layover = await Layover.start({ config: { auth, proxy: { remoteurl: hub().url } } });
    const statusOf = async (name: string) =>
      (await ask(`${layover.url}/v2/${name}/manifests/1`, { headers: alice })).status;
    expect([await statusOf('library/app'), await statusOf('team/app')]).toEqual([200, 403]);
  });

  it('with certificates alone says 403, as no header could help', async () => {
    const auth = { policy: [{ anonymous: true, repositories: ['library/*'], actions: ['pull'] }] };
    await using layover = await Layover.start({ config: { auth, proxy: { remoteurl: hub().url } } });
    const answerTo = (name: string) => ask(`${layover.url}/v2/${name}/manifests/1`);
    expect((await answerTo('library/app')).status).toBe(200);
    expect(errorOf(await answerTo('team/app'))).toEqual([403, 'DENIED']);
  });
});

describe('silly', () => {
  it('lets in whoever sends a header, and says who it should be', async () => {
    await using layover = await Layover.start({ config: { auth: { silly: { realm: 'https://r', service: 's' } } } });
    const refused = await ask(`${layover.url}/v2/a/b/blobs/uploads/`, { method: 'POST' });
    expect([refused.status, refused.headers['www-authenticate']]).toEqual([
      401,
      'Bearer realm="https://r",service="s",scope="repository:a/b:pull repository:a/b:push"',
    ]);
    expect((await ask(`${layover.url}/v2/`, { headers: { authorization: 'anything' } })).status).toBe(200);
    await layover.waitForOutput(/auth\.user\.name=silly/);
  });
});

async function fetchRaw(url: string): Promise<{ readonly rawHeaders: string[] }> {
  const { request } = await import('node:http');
  return new Promise((resolve, reject) => {
    request(url, (answer) => resolve({ rawHeaders: answer.resume().rawHeaders }))
      .on('error', reject)
      .end();
  });
}
