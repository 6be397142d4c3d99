import { generateKeyPairSync } from 'node:crypto';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

import { Layover } from '../support/layover.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { basic, htpasswdOf } from './htpasswd-file.ts';

const directory = await temporaryDirectory();
const path = join(directory.path, 'htpasswd');
const PASSWORDS = { alice: 'apw', bob: 'bpw', carol: 'cpw' };
const config = {
  auth: {
    htpasswd: { realm: 'house', path },
    issuer: {},
    anonymous: { repositories: ['public/**'] },
    policy: [
      { users: ['alice'], actions: ['*'] },
      { groups: ['readers'], repositories: ['team/**'], actions: ['pull'] },
    ],
    groups: { readers: ['bob'] },
  },
};

interface Given {
  readonly token: string;
  readonly access_token: string;
  readonly scope: string;
  readonly expires_in: number;
  readonly issued_at: string;
  readonly refresh_token?: string;
}

let layover: Layover;
beforeAll(async () => {
  await writeFile(path, await htpasswdOf(PASSWORDS));
  layover = await Layover.start({ config });
});
afterAll(async () => {
  await layover[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
});

type Credentials = { authorization: string } | Record<string, never>;

const get = (query: string, headers: Credentials = {}) => fetch(`${layover.url}/token?${query}`, { headers });
const post = (form: Record<string, string>) =>
  fetch(`${layover.url}/token`, { method: 'POST', body: new URLSearchParams(form) });
const given = async (answer: Response | Promise<Response>) => (await (await answer).json()) as Given;

async function statusOf(target: string, token: string, method = 'GET'): Promise<number> {
  return (await fetch(`${layover.url}${target}`, { method, headers: { authorization: `Bearer ${token}` } })).status;
}

describe('tokens are issued', () => {
  it('at the URL of the challenge', async () => {
    const refused = await fetch(`${layover.url}/v2/team/app/manifests/1`);
    expect(refused.headers.get('www-authenticate')).toBe(
      `Bearer realm="${layover.url}/token",service="layover",scope="repository:team/app:pull"`,
    );
    expect((await fetch(`${layover.url}/v2/`)).headers.get('www-authenticate')).toBe(
      `Bearer realm="${layover.url}/token",service="layover"`,
    );
  });

  it('for the requested access that is allowed', async () => {
    const scope = 'repository:team/app:pull,push';
    const bob = await given(get(`account=bob&service=layover&scope=${scope}`, basic('bob', 'bpw')));
    expect(bob).toMatchObject({ token: bob.access_token, scope: 'repository:team/app:pull', expires_in: 300 });
    expect(decodeJwt(bob.token)).toMatchObject({
      iss: 'layover',
      aud: 'layover',
      sub: 'bob',
      access: [{ actions: ['pull'] }],
    });
    expect(Date.parse(bob.issued_at)).toBeGreaterThan(Date.now() - 60_000);
    expect(bob.refresh_token).toBeUndefined();
    expect((await given(get(`scope=${scope}`, basic('alice', 'apw')))).scope).toBe(scope);
    expect((await given(get(`scope=${scope}`, basic('carol', 'cpw')))).scope).toBe('');
  });

  it.each([
    [
      'several parameters',
      'scope=repository:a:pull&scope=repository:b/c:push',
      'repository:a:pull repository:b/c:push',
    ],
    ['several in one', 'scope=repository:a:pull%20repository:b:*', 'repository:a:pull repository:b:pull,push,delete'],
    ['a port in the name', 'scope=repository:host:5000/a:delete', 'repository:host:5000/a:delete'],
    ['a class', 'scope=repository(plugin):a:pull', 'repository(plugin):a:pull'],
    ['the catalog', 'scope=registry:catalog:*', 'registry:catalog:*'],
    ['what there is not', 'scope=repository:a:fly&scope=planet:mars:pull&scope=x&scope=', ''],
    ['nothing', '', ''],
  ])('for scopes in %s', async (_what, query, scope) => {
    expect((await given(get(query, basic('alice', 'apw')))).scope).toBe(scope);
  });

  it('to anonymous clients, for access that everyone has', async () => {
    const scope = 'scope=repository:public/app:pull,push%20repository:team/app:pull';
    const { token, scope: granted } = await given(get(scope));
    expect(granted).toBe('repository:public/app:pull');
    expect(await statusOf('/v2/public/app/tags/list', token)).toBe(404); // allowed, and not there
    expect(await statusOf('/v2/team/app/tags/list', token)).toBe(401);
  });

  it('for a form', async () => {
    const login = { grant_type: 'password', username: 'bob', password: 'bpw', service: 'layover', client_id: 'test' };
    const answer = await given(post({ ...login, scope: 'repository:team/app:pull repository:other:pull' }));
    expect(answer).toMatchObject({ scope: 'repository:team/app:pull', expires_in: 300 });
    expect(await statusOf('/v2/team/app/tags/list', answer.access_token)).toBe(404);
  });

  it('with headers that forbid caching', async () => {
    expect((await get('', basic('bob', 'bpw'))).headers.get('cache-control')).toBe('no-store');
  });
});

describe('tokens are not issued', () => {
  it.each([
    ['a wrong password', () => get('', basic('bob', 'wrong'))],
    ['an unknown user', () => get('', basic('eve', 'bpw'))],
    ['a token', async () => get('', { authorization: `Bearer ${(await given(get('', basic('bob', 'bpw')))).token}` })],
    ['a wrong password in a form', () => post({ grant_type: 'password', username: 'bob', password: 'wrong' })],
    ['a refresh token that is none', () => post({ grant_type: 'refresh_token', refresh_token: 'x.y.z' })],
    [
      'an access token as refresh token',
      async () =>
        post({ grant_type: 'refresh_token', refresh_token: (await given(get('', basic('bob', 'bpw')))).token }),
    ],
  ])('for %s', async (_what, asking) => {
    const answer = await asking();
    expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([401, 'Basic realm="layover"']);
    expect(await answer.json()).toMatchObject({ errors: [{ code: 'UNAUTHORIZED' }], error: 'invalid_grant' });
  });

  it.each([
    ['another grant', { grant_type: 'authorization_code' }],
    ['no grant', {}],
    ['more than fits', { grant_type: 'password', username: 'x'.repeat(100_000) }],
  ])('for %s', async (_what, form) => {
    const answer = await post(form);
    expect(answer.status).toBeOneOf([400, 413]);
    expect(await answer.json()).toMatchObject({ error: 'invalid_request' });
  });

  it('to anonymous clients that have no access', async () => {
    const { anonymous: _, ...closed } = config.auth;
    await using strict = await Layover.start({ config: { auth: closed } });
    const answer = await fetch(`${strict.url}/token?scope=repository:team/app:pull`);
    expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([401, 'Basic realm="layover"']);
  });
});

describe('a token', () => {
  it('is valid only for its scope, and the error names that', async () => {
    const { token } = await given(get('scope=repository:team/app:pull', basic('alice', 'apw')));
    expect(await statusOf('/v2/', token)).toBe(200);
    expect(await statusOf('/v2/team/app/tags/list', token)).toBe(404);
    const other = await fetch(`${layover.url}/v2/other/tags/list`, { headers: { authorization: `Bearer ${token}` } });
    expect([other.status, other.headers.get('www-authenticate')]).toEqual([
      401,
      `Bearer realm="${layover.url}/token",service="layover",scope="repository:other:pull",error="insufficient_scope"`,
    ]);
    expect(await statusOf('/v2/_catalog', token)).toBe(401);
  });

  it('of a user without access is denied', async () => {
    const { token } = await given(get('scope=repository:team/app:pull,push', basic('bob', 'bpw')));
    expect(await statusOf('/v2/team/app/blobs/uploads/', token, 'POST')).toBe(403);
    expect(await statusOf('/v2/team/app/tags/list', token)).toBe(404);
  });

  it('that is not valid gets the error invalid_token', async () => {
    const answer = await fetch(`${layover.url}/v2/team/app/tags/list`, { headers: { authorization: 'Bearer x.y.z' } });
    expect(answer.headers.get('www-authenticate')).toContain(',scope="repository:team/app:pull",error="invalid_token"');
  });

  it('can be replaced by a password', async () => {
    const answer = await fetch(`${layover.url}/v2/team/app/tags/list`, { headers: basic('bob', 'bpw') });
    expect(answer.status).toBe(404);
  });

  it('never appears in the log', async () => {
    const { token } = await given(get('scope=repository:team/app:pull&offline_token=true', basic('bob', 'bpw')));
    await layover.waitForOutput(/auth\.user\.name=bob .*uri="?\/token/);
    expect(layover.output).not.toContain(token.slice(0, 40));
    expect(layover.output).not.toContain('bpw');
  });
});

describe('a refresh token', () => {
  const refresh = (refresh_token: string, scope = 'repository:team/app:pull') =>
    post({ grant_type: 'refresh_token', refresh_token, service: 'layover', client_id: 'test', scope });

  it('replaces the password until that changes', async () => {
    const kept = (await given(get('offline_token=true', basic('carol', 'cpw')))).refresh_token ?? '';
    const answer = await given(refresh(kept));
    expect([decodeJwt(answer.access_token).sub, answer.refresh_token]).toEqual(['carol', kept]);
    expect(await statusOf('/v2/', kept)).toBe(401); // it is no access token
    await writeFile(path, await htpasswdOf({ ...PASSWORDS, carol: 'new' }));
    await vi.waitFor(async () => expect((await refresh(kept)).status).toBe(401), 10_000);
  });

  it('is issued for a form too, when the client requests it', async () => {
    const login = { grant_type: 'password', username: 'bob', password: 'bpw' };
    expect((await given(post({ ...login, access_type: 'offline' }))).refresh_token).toBeTypeOf('string');
    expect((await given(post(login))).refresh_token).toBeUndefined();
  });
});

describe('the keys of tokens', () => {
  it('are kept next to the storage, and outlive the process', async () => {
    await using own = await Layover.start({ config });
    const ask = async () => (await (await fetch(`${own.url}/token`, { headers: basic('bob', 'bpw') })).json()) as Given;
    const { token } = await ask();
    const file = join(own.dataDirectory, 'layover', 'token-keys.pem');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    await own.restart();
    expect((await fetch(`${own.url}/v2/`, { headers: { authorization: `Bearer ${token}` } })).status).toBe(200);
    expect(own.output).not.toContain('PRIVATE KEY');
  });

  it('can be changed while earlier ones are still accepted', async () => {
    const keyfile = join(directory.path, 'keys.pem');
    await using own = await Layover.start({ config: { auth: { ...config.auth, issuer: { keyfile } } } });
    const ask = async () => (await (await fetch(`${own.url}/token`, { headers: basic('bob', 'bpw') })).json()) as Given;
    const statusWith = async (token: string) =>
      (await fetch(`${own.url}/v2/`, { headers: { authorization: `Bearer ${token}` } })).status;
    const before = (await ask()).token;
    const { privateKey } = generateKeyPairSync('ed25519');
    const added = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
    await writeFile(keyfile, `${added}${await readFile(keyfile, 'utf8')}`);
    await vi.waitFor(async () => expect(decodeProtectedHeader((await ask()).token).alg).toBe('EdDSA'), 10_000);
    expect([await statusWith(before), await statusWith((await ask()).token)]).toEqual([200, 200]);
    await writeFile(keyfile, added);
    await vi.waitFor(async () => expect(await statusWith(before)).toBe(401), 10_000);
  });
});
