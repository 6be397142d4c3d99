import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { basic } from '../auth/htpasswd-file.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { Layover } from '../support/layover.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { CONFIG, imageOf, LAYER, Repository } from './manifest-pushing.ts';
import { AUTH, call, signIn, start, TOKEN, USERS, writeUsers, withUsers } from './sign-in-scene.ts';

withUsers();

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

  it('by the admin token, or by a link, ends when the token changes', async () => {
    await using directory = await temporaryDirectory();
    const tokenfile = join(directory.path, 'token');
    await writeFile(tokenfile, TOKEN);
    await using layover = await start({ admin: { tokenfile } });
    const byToken = await call(layover, '/session', { method: 'POST', body: { token: TOKEN } });
    const headers = { authorization: `Bearer ${TOKEN}` };
    const { json } = await call(layover, '/session/links', { method: 'POST', headers });
    const code = new URL(String(json['url'])).searchParams.get('code');
    const byLink = await call(layover, `/session/link?code=${code}`);
    const cookies = [byToken.cookie, byLink.cookie];
    const admins = async () =>
      Promise.all(cookies.map(async (cookie) => (await call(layover, '/session', { cookie })).json['isAdmin']));
    expect(await admins()).toEqual([true, true]);
    await rm(tokenfile);
    await writeFile(tokenfile, 'another');
    await expect.poll(admins).toEqual([false, false]);
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

  it('a user without admin sees no other repositories, nor whether they exist', async () => {
    await using layover = await Layover.start();
    for (const name of ['team/app', 'other/app']) {
      const repository = new Repository(layover.url, name);
      await repository.addBlobs(CONFIG, LAYER);
      expect((await repository.put(imageOf(name), '1')).status).toBe(201);
    }
    await layover.restart({ auth: AUTH });
    const namesFor = async (user: string, password: string) => {
      const { json } = await call(layover, '/repositories', { headers: basic(user, password) });
      return (json['repositories'] as { name: string }[]).map(({ name }) => name);
    };
    expect(await namesFor('alice', 'apw')).toEqual(['other/app', 'team/app']);
    expect(await namesFor('bob', 'bpw')).toEqual(['team/app']);
    const { cookie } = await signIn(layover, 'bob', 'bpw');
    for (const repository of ['team/app', 'other/app', 'missing/app']) {
      const status = repository === 'team/app' ? 200 : 404;
      const manifest = await call(layover, `/manifest?repository=${repository}&reference=1`, { cookie });
      const tags = await call(layover, `/repositories/${repository}/tags`, { cookie });
      expect([repository, manifest.status, tags.status]).toEqual([repository, status, status]);
    }
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
