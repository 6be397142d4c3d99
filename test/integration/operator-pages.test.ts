import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';

import { Layover } from '../support/layover.ts';
import { freePort } from '../support/processes.ts';

/** In the heap of the process, and to be had from nowhere. */
const PASSWORD = 'UPSTREAM-PASSWORD-42';
const TOKEN = 'correct-horse';

interface Sent {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly socketPath?: string;
}

/** With these headers, `Host` among them. */
async function send(url: string, { method = 'GET', headers = {}, body, socketPath }: Sent = {}) {
  const { hostname, port, pathname, search } = new URL(url);
  const place = socketPath === undefined ? { hostname, port } : { socketPath };
  const asking = request({ ...place, path: pathname + search, method, headers, agent: false }).end(body);
  const [answer] = (await once(asking, 'response')) as [IncomingMessage];
  return { status: answer.statusCode ?? 0, text: await text(answer) };
}

async function start({ admin = {}, debug = {} } = {}) {
  const [debugPort, adminPort] = [await freePort(), await freePort()];
  const layover = await Layover.start({
    config: {
      storage: { delete: { enabled: true } },
      http: { debug: { addr: `127.0.0.1:${debugPort}`, prometheus: { enabled: true }, ...debug } },
      admin: { addr: `127.0.0.1:${adminPort}`, ...admin },
      proxy: {
        upstreams: [
          {
            name: 'x.example',
            remoteurl: 'http://127.0.0.1:1',
            default: true,
            credentials: [{ username: 'u', password: PASSWORD }],
          },
        ],
      },
    },
  });
  return {
    debugUrl: `http://127.0.0.1:${debugPort}`,
    adminUrl: `http://127.0.0.1:${adminPort}/admin/api/v1`,
    socketPath: join(layover.dataDirectory, 'layover/admin.sock'),
    [Symbol.asyncDispose]: () => layover[Symbol.asyncDispose](),
  };
}

const JSON_BODY = { method: 'POST', headers: { 'content-type': 'application/json' } };
const EVIL = { host: 'evil.example:5002', origin: 'http://evil.example:5002', 'sec-fetch-site': 'same-origin' };
const PAGES = ['/', '/debug/health', '/livez', '/readyz', '/debug/vars', '/metrics', '/nothing'];
const PROFILES = [
  '/debug/pprof/heap?snapshot=1',
  '/debug/pprof/heap?seconds=0.01',
  '/debug/pprof/profile?seconds=0.01',
];

describe('a web page whose name is made to point at loopback', () => {
  it('neither changes nor reads anything by the admin API', async () => {
    await using server = await start();
    const { adminUrl } = server;
    const pin = { ...JSON_BODY, body: JSON.stringify({ pattern: 'evil/**' }) };
    const refused = await send(`${adminUrl}/pins`, { ...pin, headers: { ...pin.headers, ...EVIL } });
    expect([refused.status, JSON.parse(refused.text)]).toEqual([
      403,
      { error: { reason: 'invalid', message: 'not served for Host "evil.example:5002" (add it to admin.hosts)' } },
    ]);
    for (const path of ['/pins', '/stats', '/cache', '/scrub', '/nothing']) {
      expect([path, (await send(adminUrl + path, { headers: { host: 'evil.example' } })).status]).toEqual([path, 403]);
    }
    expect(await send(`${adminUrl}/pins`)).toEqual({ status: 200, text: '{"pins":[]}' });
    expect((await send(`${adminUrl}/pins`, pin)).status).toBe(200);
    expect(JSON.parse((await send(`${adminUrl}/pins`)).text)).toMatchObject({ pins: [{ pattern: 'evil/**' }] });
  });

  it('gets no page of a debug server on loopback', async () => {
    await using server = await start();
    for (const path of [...PAGES, ...PROFILES]) {
      for (const headers of [{ host: 'evil.example:5001' }, { host: '10.0.0.1:5001' }]) {
        expect([path, (await send(server.debugUrl + path, { headers })).status]).toEqual([path, 403]);
      }
    }
    for (const host of ['localhost:9000', '127.0.0.1', '[::1]:5001']) {
      expect((await send(`${server.debugUrl}/debug/vars`, { headers: { host } })).status).toBe(200);
    }
  });
});

describe('a page of another origin', () => {
  it.each([
    { origin: 'http://evil.example' },
    { origin: 'http://localhost:3000', 'sec-fetch-site': 'same-site' },
    { origin: 'null' },
    { 'sec-fetch-site': 'cross-site' },
  ])('changes nothing and gets no page, even with the token: %j', async (foreign) => {
    await using server = await start({ admin: { token: TOKEN } });
    const headers = { ...foreign, authorization: `Bearer ${TOKEN}` };
    const evict = { ...JSON_BODY, body: '{"pattern":"evil/**"}', headers: { ...headers, ...JSON_BODY.headers } };
    expect((await send(`${server.adminUrl}/pins`, evict)).status).toBe(403);
    expect((await send(`${server.debugUrl}${PROFILES[0]}`, { headers })).status).toBe(403);
    expect((await send(`${server.debugUrl}/debug/vars`, { headers })).status).toBe(403);
    const good = { headers: { authorization: `Bearer ${TOKEN}` } };
    expect(await send(`${server.adminUrl}/pins`, good)).toEqual({ status: 200, text: '{"pins":[]}' });
  });

  it.each([undefined, 'text/plain', 'text/plain;application/json', 'application/jsonp'])(
    'cannot order anything by what a form can send: %s',
    async (type) => {
      await using server = await start();
      const headers = type === undefined ? {} : { 'content-type': type };
      for (const path of ['/scrub', '/index/rebuild', '/collection']) {
        const answer = await send(server.adminUrl + path, { method: 'POST', headers });
        expect([path, answer.status]).toEqual([path, 400]);
      }
      expect(JSON.parse((await send(`${server.adminUrl}/scrub`)).text)).toMatchObject({ running: false });
    },
  );
});

describe('profiles, and snapshots of the heap', () => {
  it('are not given by TCP without a token, whoever asks', async () => {
    await using server = await start();
    for (const path of PROFILES) {
      const { status, text: body } = await send(server.debugUrl + path);
      expect([path, status, JSON.parse(body)]).toEqual([
        path,
        403,
        { error: 'profiles contain secrets: set admin.token and send it, or use the admin socket' },
      ]);
    }
    expect((await send(`${server.adminUrl}/../../../debug/pprof/heap?snapshot=1`)).status).toBe(404);
  });

  it('are given on the admin socket', async () => {
    await using server = await start();
    const [snapshot, ...others] = PROFILES;
    const { socketPath } = server;
    const got = await send(`http://localhost${snapshot}`, { socketPath });
    expect([got.status, got.text.includes(PASSWORD)]).toEqual([200, true]);
    for (const path of others) expect((await send(`http://localhost${path}`, { socketPath })).status).toBe(200);
  });

  it('are given with the token, by any name', async () => {
    await using server = await start({ admin: { token: TOKEN } });
    const headers = { host: 'layover.corp:5001', authorization: `Bearer ${TOKEN}` };
    for (const path of PROFILES) expect((await send(server.debugUrl + path, { headers })).status).toBe(200);
    const wrong = { headers: { authorization: 'Bearer wrong' } };
    for (const path of PROFILES) {
      expect((await send(server.debugUrl + path, wrong)).status).toBe(401);
      expect((await send(`${server.debugUrl}${path}&token=${TOKEN}&access_token=${TOKEN}`)).status).toBe(401);
    }
  });
});

it('names of the configuration are served as well', async () => {
  await using server = await start({ admin: { hosts: ['cache.corp'] }, debug: { hosts: ['debug.corp'] } });
  expect((await send(`${server.adminUrl}/stats`, { headers: { host: 'cache.corp:5002' } })).status).toBe(200);
  expect((await send(`${server.debugUrl}/debug/vars`, { headers: { host: 'debug.corp' } })).status).toBe(200);
  expect((await send(`${server.debugUrl}/debug/vars`, { headers: { host: 'cache.corp' } })).status).toBe(403);
});
