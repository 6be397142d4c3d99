import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { basic, htpasswdOf } from '../auth/htpasswd-file.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { sendRequest } from '../support/http-client.ts';
import { type ConfigObject, Layover } from '../support/layover.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const TOKEN = 'correct-horse';
const API = '/admin/api/v1';

const directory = await temporaryDirectory();
const htpasswd = join(directory.path, 'htpasswd');
const writeUsers = async (users: Record<string, string>) => {
  await rm(htpasswd, { force: true }); // a new file, whatever its time
  await writeFile(htpasswd, await htpasswdOf(users));
};
const USERS = { alice: 'apw', bob: 'bpw', carol: 'cpw' };
const AUTH = {
  htpasswd: { realm: 'x', path: htpasswd },
  policy: [
    { users: ['alice'], actions: ['admin'] },
    { users: ['bob'], repositories: ['team/**'], actions: ['pull'] },
  ],
};

beforeAll(() => writeUsers(USERS));
afterAll(() => directory[Symbol.asyncDispose]());

interface Sent {
  readonly method?: string;
  readonly cookie?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: object;
}

interface Received {
  readonly [key: string]: unknown;
  readonly error?: { readonly reason: string };
}

/** As a page of the dashboard sends it, unless headers are given. */
async function call(layover: Layover, path: string, { method = 'GET', cookie, headers, body }: Sent = {}) {
  const sent = { ...(headers ?? { 'sec-fetch-site': 'same-origin' }), ...(cookie !== undefined && { cookie }) };
  const json = Buffer.from(JSON.stringify(body ?? {}));
  const response = await sendRequest(`${layover.url}${API}${path}`, {
    method,
    headers: method === 'GET' ? sent : { 'content-type': 'application/json', 'content-length': json.length, ...sent },
    ...(method !== 'GET' && { body: json }),
  });
  const text = response.body.toString();
  return {
    status: response.status,
    headers: response.headers,
    json: (text.startsWith('{') ? JSON.parse(text) : {}) as Received,
    cookie: response.headers['set-cookie']?.[0]?.split(';')[0],
  };
}

const signIn = (layover: Layover, user: string, password: string, sent: Sent = {}) =>
  call(layover, '/session', { method: 'POST', body: { user, password }, ...sent });

const start = (config: ConfigObject = {}, clock?: FakeClock) =>
  Layover.start({ config: { auth: AUTH, ...config }, ...(clock && { clock }) });

describe('a session', () => {
  it('is begun with a password, recognised by its cookie, and ended', async () => {
    await using layover = await start({ admin: { token: TOKEN } });
    const before = await call(layover, '/session');
    expect([before.status, before.json]).toEqual([
      200,
      {
        isAdmin: false,
        mayRead: false,
        mayReadAll: false,
        signIn: ['password', 'token'],
        canSignOut: false,
        secure: false,
      },
    ]);
    const { status, headers, json, cookie } = await signIn(layover, 'alice', 'apw');
    expect([status, headers['set-cookie']]).toEqual([
      200,
      [expect.stringMatching(/^layover-session=[\w.-]+; Path=\/; Max-Age=43200; HttpOnly; SameSite=Strict$/)],
    ]);
    const view = { user: 'alice', isAdmin: true, mayRead: true, mayReadAll: true, secure: false };
    expect(json).toMatchObject(view);
    expect((await call(layover, '/session', { cookie })).json).toMatchObject({ ...view, canSignOut: true });
    expect((await call(layover, '/clients', { cookie })).status).toBe(200);
    const end = await call(layover, '/session', { method: 'DELETE', cookie });
    expect([end.status, end.headers['set-cookie']]).toEqual([
      200,
      [expect.stringMatching(/^layover-session=; .*Max-Age=0/)],
    ]);
    expect((await call(layover, '/clients')).status).toBe(401);
  });

  it('is not begun with a wrong password, user or token', async () => {
    await using layover = await start({ admin: { token: TOKEN } });
    for (const body of [
      { user: 'alice', password: 'bpw' },
      { user: 'mallory', password: 'apw' },
      { user: 'alice:apw', password: '' },
      { token: 'wrong' },
      { token: '' },
    ]) {
      const { status, json, cookie } = await call(layover, '/session', { method: 'POST', body });
      expect([body, status, json.error?.reason, cookie]).toEqual([body, 401, 'denied', undefined]);
    }
    for (const body of [{}, { user: 'alice' }, { token: 1 }]) {
      expect((await call(layover, '/session', { method: 'POST', body })).status).toBe(400);
    }
  });

  it('is limited like other logins: guesses for a user, and for the token', async () => {
    await using layover = await start({ admin: { token: TOKEN }, auth: { ...AUTH, maxfailures: 2 } });
    for (const guess of [{ user: 'alice', password: 'x' }, { token: 'x' }]) {
      const tries = [];
      for (let i = 0; i < 3; i++) tries.push(await call(layover, '/session', { method: 'POST', body: guess }));
      expect(tries.map(({ status }) => status)).toEqual([401, 401, 429]);
      expect(Number(tries[2]?.headers['retry-after'])).toBeGreaterThan(0);
    }
    expect((await signIn(layover, 'alice', 'apw')).status).toBe(429);
    expect((await call(layover, '/session', { method: 'POST', body: { token: TOKEN } })).status).toBe(429);
    expect((await signIn(layover, 'bob', 'bpw')).status).toBe(200);
  });

  it('ends after twelve hours', async () => {
    const clock = new FakeClock();
    await using layover = await start({}, clock);
    const { cookie } = await signIn(layover, 'alice', 'apw');
    await clock.advance(12 * 3_600_000 - 1);
    expect((await call(layover, '/clients', { cookie })).status).toBe(200);
    await clock.advance(1);
    expect((await call(layover, '/clients', { cookie })).status).toBe(401);
  });

  it('ends when the password changes, and when the user is removed', async () => {
    const clock = new FakeClock();
    await using layover = await start({}, clock);
    const { cookie } = await signIn(layover, 'alice', 'apw');
    const { cookie: bobs } = await signIn(layover, 'bob', 'bpw');
    await writeUsers({ alice: 'other', carol: 'cpw' });
    await clock.advance(2000);
    for (const old of [cookie, bobs]) {
      expect((await call(layover, '/session', { cookie: old })).json).toMatchObject({ mayRead: false });
    }
    expect((await call(layover, '/clients', { cookie: (await signIn(layover, 'alice', 'other')).cookie })).status).toBe(
      200,
    );
    await writeUsers(USERS);
  });

  it('is valid at a replica with the same http.secret, and at no other', async () => {
    await using first = await start({ http: { secret: 'shared' } });
    await using second = await start({ http: { secret: 'shared' } });
    await using stranger = await start({ http: { secret: 'other' } });
    const { cookie } = await signIn(first, 'alice', 'apw');
    expect((await call(second, '/clients', { cookie })).status).toBe(200);
    expect((await call(stranger, '/clients', { cookie })).status).toBe(401);
  });

  it('has a cookie that no one can change', async () => {
    await using layover = await start();
    const { cookie = '' } = await signIn(layover, 'bob', 'bpw');
    const [name, value = ''] = cookie.split('=');
    const [body = '', mac] = value.split('.');
    const forged = Buffer.from(Buffer.from(body, 'base64url').toString().replace('"bob"', '"alice"')).toString(
      'base64url',
    );
    for (const changed of [`${forged}.${mac}`, `${body}.`, body, value.slice(0, -1), '']) {
      const { json } = await call(layover, '/session', { cookie: `${name}=${changed}` });
      expect([changed, json.mayRead, json.user]).toEqual([changed, false, undefined]);
    }
  });

  it('is not one that was there before the sign-in', async () => {
    await using layover = await start();
    const { cookie: attackers = '' } = await signIn(layover, 'bob', 'bpw');
    const { cookie } = await signIn(layover, 'alice', 'apw', { cookie: attackers });
    expect(cookie).not.toBe(attackers);
    expect((await call(layover, '/session', { cookie: attackers })).json).toMatchObject({
      user: 'bob',
      isAdmin: false,
    });
    const chosen = await signIn(layover, 'alice', 'apw', { cookie: 'layover-session=chosen' });
    expect(chosen.cookie).not.toContain('chosen');
    expect((await call(layover, '/clients', { cookie: 'layover-session=chosen' })).status).toBe(401);
  });

  it('over HTTPS has a cookie that neither neighbours nor plain HTTP can set', async () => {
    await using layover = await start({ http: { trustedproxies: ['127.0.0.1'] } });
    const https = { 'x-forwarded-proto': 'https', 'sec-fetch-site': 'same-origin' };
    const { cookie, headers, json } = await signIn(layover, 'alice', 'apw', { headers: https });
    expect(headers['set-cookie']).toEqual([
      expect.stringMatching(/^__Host-layover-session=[\w.-]+; Path=\/; .*HttpOnly; SameSite=Strict; Secure$/),
    ]);
    expect(json).toMatchObject({ secure: true });
    expect((await call(layover, '/clients', { cookie, headers: https })).status).toBe(200);
    const plain = cookie?.replace('__Host-', '');
    expect((await call(layover, '/clients', { cookie: plain, headers: https })).status).toBe(401);
    expect((await call(layover, '/clients', { cookie })).status).toBe(401);
  });
});

describe('rights', () => {
  it('a user without admin sees what it may pull, and nothing else', async () => {
    await using layover = await start();
    const { cookie, json } = await signIn(layover, 'bob', 'bpw');
    expect(json).toMatchObject({ user: 'bob', isAdmin: false, mayRead: true, mayReadAll: false });
    const asBob = [{ cookie }, { headers: basic('bob', 'bpw') }];
    for (const sent of asBob) {
      for (const path of ['/clients', '/requests', '/upstreams', '/jobs', '/config', '/pins', '/cache', '/stats']) {
        const { status, json: body } = await call(layover, path, sent);
        expect([path, status, body.error?.reason]).toEqual([path, 403, 'forbidden']);
      }
      for (const [method, path] of [
        ['POST', '/pins'],
        ['DELETE', '/pins'],
        ['POST', '/evict'],
        ['POST', '/session/links'],
        ['POST', '/bundles/import'],
      ] as const) {
        expect([path, (await call(layover, path, { ...sent, method, body: { pattern: 'a' } })).status]).toEqual([
          path,
          403,
        ]);
      }
      expect((await call(layover, '/verify/abcdefgh', sent)).status).toBe(200);
    }
    expect((await call(layover, '/status', { cookie })).json).toMatchObject({
      verdict: expect.any(String),
      problems: [],
    });
    const admin = { headers: basic('alice', 'apw') };
    expect((await call(layover, '/pins', admin)).json).toEqual({ pins: [] });
  });

  it('a user whom no rule allows anything sees nothing', async () => {
    await using layover = await start();
    const { cookie, json } = await signIn(layover, 'carol', 'cpw');
    expect(json).toMatchObject({ user: 'carol', mayRead: false });
    expect((await call(layover, '/verify/abcdefgh', { cookie })).status).toBe(403);
    expect((await call(layover, '/verify/abcdefgh')).status).toBe(401);
  });

  it('are also those of Basic credentials, and of no wrong ones', async () => {
    await using layover = await start();
    const pin = { method: 'POST', body: { pattern: 'a/**' } };
    expect((await call(layover, '/pins', { ...pin, headers: basic('alice', 'apw') })).status).toBe(200);
    const wrong = await call(layover, '/pins', { ...pin, headers: basic('alice', 'bpw') });
    expect([wrong.status, wrong.headers['www-authenticate']]).toEqual([401, 'Bearer realm="layover-admin"']);
  });

  it('without auth, everything may be read on this machine, and changed with the token', async () => {
    await using layover = await Layover.start({ config: { admin: { token: TOKEN } } });
    expect((await call(layover, '/session')).json).toMatchObject({
      isAdmin: false,
      mayRead: true,
      mayReadAll: true,
      signIn: ['token'],
    });
    expect((await call(layover, '/clients')).status).toBe(200);
    expect((await call(layover, '/clients', { headers: { 'x-forwarded-for': '192.0.2.1' } })).status).toBe(401);
    expect((await call(layover, '/verify/abcdefgh', { headers: { 'x-forwarded-for': '192.0.2.1' } })).status).toBe(200);
    const pin = { method: 'POST', body: { pattern: 'a/**' } };
    expect((await call(layover, '/pins', pin)).status).toBe(401);
    const { cookie } = await call(layover, '/session', { method: 'POST', body: { token: TOKEN } });
    expect((await call(layover, '/pins', { ...pin, cookie })).status).toBe(200);
    expect((await call(layover, '/session', { cookie })).json).toMatchObject({ isAdmin: true });
  });

  it('are those of a user that a trusted proxy names, and of no other client', async () => {
    const config = {
      http: { trustedproxies: ['127.0.0.1'] },
      ui: { auth: { header: 'X-Forwarded-User', groupsheader: 'X-Forwarded-Groups' } },
      auth: {
        ...AUTH,
        policy: [
          { groups: ['ops'], actions: ['admin'] },
          { users: ['*'], actions: ['pull'] },
        ],
      },
    };
    await using layover = await start(config);
    const headers = { 'x-forwarded-user': 'dora', 'x-forwarded-groups': 'dev, ops', 'sec-fetch-site': 'same-origin' };
    expect((await call(layover, '/session', { headers })).json).toMatchObject({ user: 'dora', isAdmin: true });
    const { 'x-forwarded-groups': _, ...viewer } = headers;
    expect((await call(layover, '/session', { headers: viewer })).json).toMatchObject({ user: 'dora', isAdmin: false });
    // A change by a browser behind the proxy needs the same proof of its origin.
    const pin = { method: 'POST', body: { pattern: 'a/**' } };
    expect((await call(layover, '/pins', { ...pin, headers })).status).toBe(200);
    const { 'sec-fetch-site': __, ...anywhere } = headers;
    expect((await call(layover, '/pins', { ...pin, headers: anywhere })).status).toBe(403);
    await layover.restart({ ...config, http: { trustedproxies: ['192.0.2.1'] } });
    expect((await call(layover, '/session', { headers })).json).toMatchObject({ mayRead: false });
  });
});

describe('a page of another site', () => {
  const pin = { method: 'POST', body: { pattern: 'evil/**' } };

  it.each([
    [403, { 'sec-fetch-site': 'cross-site' }],
    [403, { 'sec-fetch-site': 'same-site' }],
    [403, { 'sec-fetch-site': 'none' }],
    [403, { origin: 'http://evil.example' }],
    [403, { origin: 'null' }],
    [403, {}],
    [400, { 'content-type': 'text/plain', 'sec-fetch-site': 'same-origin' }],
    [200, { 'sec-fetch-site': 'same-origin' }],
    [200, { origin: 'OWN' }],
  ] as const)('%d: a change in a session with %j', async (status, headers) => {
    await using layover = await start();
    const { cookie } = await signIn(layover, 'alice', 'apw');
    const sent = Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name, value === 'OWN' ? layover.url : value]),
    );
    expect((await call(layover, '/pins', { ...pin, cookie, headers: sent })).status).toBe(status);
    const pins = status === 200 ? [expect.objectContaining({ pattern: 'evil/**' })] : [];
    expect((await call(layover, '/pins', { cookie })).json).toEqual({ pins });
  });

  it('can neither sign a browser in nor read anything', async () => {
    await using layover = await start();
    for (const headers of [{ 'sec-fetch-site': 'cross-site' }, { origin: 'http://evil.example' }]) {
      expect((await signIn(layover, 'bob', 'bpw', { headers })).cookie).toBeUndefined();
      expect((await call(layover, '/session', { headers })).status).toBe(403);
    }
  });

  it('gets nothing by a name of its own that points here', async () => {
    await using layover = await start({
      http: { host: 'https://registry.example' },
      ui: { hosts: ['cache.corp'] },
    });
    const { cookie } = await signIn(layover, 'alice', 'apw');
    const status = async (host: string, path: string, more = {}) =>
      (await sendRequest(`${layover.url}${path}`, { headers: { host, ...more } })).status;
    for (const host of ['evil.example', 'evil.example:5000', 'registry.example.evil.example']) {
      expect([host, await status(host, `${API}/session`, { cookie })]).toEqual([host, 403]);
      expect([host, await status(host, '/ui/')]).toEqual([host, 403]);
    }
    for (const host of ['registry.example', 'cache.corp:5000', 'localhost:5000', '10.0.0.7:5000', '[::1]']) {
      expect([host, await status(host, `${API}/session`)]).toEqual([host, 200]);
      expect([host, [200, 503].includes(await status(host, '/ui/'))]).toEqual([host, true]);
    }
    const { authorization } = basic('alice', 'apw');
    expect(await status('any.example', `${API}/pins`, { authorization })).toBe(200);
    expect(await status('any.example', `${API}/pins`, { authorization: 'Basic Og==' })).toBe(403);
  });
});

describe('where the dashboard is', () => {
  it('below the prefix of the registry, and without it', async () => {
    await using layover = await start({ http: { prefix: '/reg/' } });
    for (const path of [`/reg${API}/session`, `${API}/session`]) {
      expect([path, (await fetch(`${layover.url}${path}`)).status]).toEqual([path, 200]);
    }
    for (const path of ['/reg/ui/', '/ui/']) {
      const response = await fetch(`${layover.url}${path}`);
      expect([path, response.headers.get('content-security-policy')]).toEqual([
        path,
        expect.stringContaining("frame-ancestors 'none'"),
      ]);
    }
  });

  it('nowhere when it is off, and then the admin API takes the token alone', async () => {
    await using layover = await Layover.start({ config: { admin: { token: TOKEN }, ui: { enabled: false } } });
    expect((await fetch(`${layover.url}/ui/`)).status).toBe(404);
    expect((await call(layover, '/clients')).status).toBe(401);
    expect((await call(layover, '/clients', { headers: { authorization: `Bearer ${TOKEN}` } })).status).toBe(200);
    await layover.restart({ ui: { enabled: false } });
    expect((await call(layover, '/session')).status).toBe(404);
  });

  it('not on an address that is open to other machines, unless auth is set', async () => {
    await using layover = await Layover.start({ config: { http: { addr: '0.0.0.0:0' } } });
    expect(layover.output).toContain('dashboard off');
    expect((await call(layover, '/session')).status).toBe(404);
    await layover.restart({ http: { addr: '0.0.0.0:0' }, auth: AUTH });
    expect(layover.output).not.toContain('dashboard off');
    expect((await call(layover, '/session')).status).toBe(200);
    // Anyone there may see what anyone may pull.
    await layover.restart({ http: { addr: '0.0.0.0:0' }, ui: { enabled: true } });
    expect((await call(layover, '/session', { headers: { 'x-forwarded-for': '192.0.2.1' } })).json).toMatchObject({
      mayRead: true,
      mayReadAll: false,
    });
  });
});
