import { describe, expect, it } from 'vitest';

import { basic } from '../auth/htpasswd-file.ts';
import { Receiver } from '../notifications/receiver.ts';
import { sendRequest } from '../support/http-client.ts';
import { Layover } from '../support/layover.ts';
import { API, AUTH, call, signIn, start, TOKEN, withUsers } from './sign-in-scene.ts';

withUsers();

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

describe('a change', () => {
  it('is an event with user, address, action and target, and a preview or a refusal is none', async () => {
    await using receiver = await Receiver.start();
    await using layover = await start({
      notifications: { events: { cache: true }, endpoints: [{ name: 'audit', url: receiver.url, timeout: '5s' }] },
    });
    const { cookie } = await signIn(layover, 'alice', 'apw');
    const { cookie: bobs } = await signIn(layover, 'bob', 'bpw');
    const pin = { method: 'POST', body: { pattern: 'team/**', token: 'secret' } };
    expect((await call(layover, '/pins', { ...pin, cookie: bobs })).status).toBe(403);
    expect((await call(layover, '/collection', { method: 'POST', body: { dryRun: true }, cookie })).status).toBe(200);
    expect((await call(layover, '/pins', { ...pin, body: {}, cookie })).status).toBe(400);
    expect((await call(layover, '/pins', { ...pin, cookie })).status).toBe(200);
    const [event] = await receiver.waitFor(1);
    expect(event).toMatchObject({
      action: 'admin',
      actor: { name: 'alice' },
      target: { repository: 'team/**' },
      request: { method: 'POST /pins', addr: expect.stringMatching(/^127\.0\.0\.1:/) },
    });
    expect(JSON.stringify(receiver.events)).not.toContain('secret');
    expect(receiver.events).toHaveLength(1);
  });
});

it('no browser shows what is not a page of the dashboard', async () => {
  await using layover = await start({ auth: { ...AUTH, issuer: {} } });
  for (const path of [
    `${API}/session`,
    `${API}/clients`,
    '/nowhere',
    '/token',
    '/token?scope=<script>',
    '/v2/',
    '/v2/<b>/tags/list',
  ]) {
    const { headers } = await fetch(`${layover.url}${path}`);
    expect([path, headers.get('content-security-policy'), headers.get('x-content-type-options')]).toEqual([
      path,
      "default-src 'none'; sandbox",
      'nosniff',
    ]);
  }
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
