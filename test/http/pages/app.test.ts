import { once } from 'node:events';
import { createServer, type IncomingMessage, request as httpRequest, type ServerResponse } from 'node:http';
import { connect, createServer as createHttp2Server } from 'node:http2';
import { type AddressInfo, connect as connectSocket, type Server } from 'node:net';
import { text } from 'node:stream/consumers';

import express from 'express';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { Auth } from '../../../src/auth/auth.ts';
import type { TokenIssuer } from '../../../src/auth/token-issuer.ts';
import type { Health } from '../../../src/health/health.ts';
import { createTokenPage } from '../../../src/http/auth/token-page.ts';
import { Clients } from '../../../src/http/client/client-address.ts';
import { TrustedProxies } from '../../../src/http/client/trusted-proxies.ts';
import { createPages } from '../../../src/http/pages/pages.ts';

interface Received {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

interface Sent {
  readonly method: string;
  readonly path: string;
  readonly form?: string;
}

const state = { isHealthy: true };
const errors: string[] = [];
const servers: Server[] = [];
let urls: { readonly http1: string; readonly http2: string };

beforeAll(async () => {
  const pages = createPages({
    health: fakeHealth(),
    loadApp: async () => ({ tokens: tokenPage(), createAdmin: adminApp }),
    onError: (error) => errors.push(String(error)),
  });
  const http1 = await listening(createServer(pages));
  const http2 = await listening(createHttp2Server(pages as unknown as Parameters<typeof createHttp2Server>[1]));
  urls = { http1: `http://127.0.0.1:${http1}`, http2: `http://127.0.0.1:${http2}` };
});
afterAll(() => servers.forEach((server) => server.close()));

function fakeHealth(): Health {
  return {
    isHealthy: () => state.isHealthy,
    readiness: () => (state.isHealthy ? 'ready' : 'failing'),
  } as Health;
}

function tokenPage() {
  const identity = { name: 'alice', groups: [] };
  const auth = {
    logIn: async ({ authorization }: { authorization: string | undefined }) =>
      authorization === undefined ? { identity, isRefused: true } : { identity, isRefused: false },
    withGroups: async () => identity,
    policy: { knows: () => true },
  } as unknown as Auth;
  const issuer = {
    service: 'layover',
    issue: async () => ({ token: 'secret', lifetimeSeconds: 300, issuedAt: new Date(0) }),
  } as unknown as TokenIssuer;
  const router = { route: () => ({}) } as unknown as Parameters<typeof createTokenPage>[0]['router'];
  const clients = new Clients(new TrustedProxies([]));
  return createTokenPage({
    auth,
    issuer,
    router,
    clients,
    prefix: '/',
    log: { error: (_fields, message) => errors.push(message) },
  });
}

function adminApp() {
  return express().get('/admin/v1/status', (request, response) => void response.json({ method: request.method }));
}

async function listening(server: Server): Promise<number> {
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

const FORM = 'application/x-www-form-urlencoded';

async function sendHttp1({ method, path, form }: Sent): Promise<Received> {
  const headers = form === undefined ? {} : { 'content-type': FORM };
  const response = await fetch(urls.http1 + path, { method, headers, body: form ?? null });
  const received = Object.fromEntries(response.headers);
  return { status: response.status, headers: received, body: await response.text() };
}

async function sendHttp2({ method, path, form }: Sent): Promise<Received> {
  const session = connect(urls.http2);
  try {
    const stream = session.request(
      { ':method': method, ':path': path, ...(form !== undefined && { 'content-type': FORM }) },
      { endStream: form === undefined },
    );
    if (form !== undefined) stream.end(form);
    const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
    return { status: Number(headers[':status']), headers, body: await text(stream) };
  } finally {
    session.close();
  }
}

const LOGIN = 'grant_type=password&username=alice&password=secret&service=layover&client_id=test';

describe.each([
  ['HTTP/1.1', sendHttp1],
  ['HTTP/2', sendHttp2],
])('the pages over %s', (_protocol, send) => {
  const get = (path: string) => send({ method: 'GET', path });

  it('respond at / as long as the service is healthy', async () => {
    expect(await get('/')).toMatchObject({ status: 200, body: '', headers: { 'cache-control': 'no-cache' } });
    state.isHealthy = false;
    expect(await get('/')).toMatchObject({ status: 503, body: '' });
    state.isHealthy = true;
  });

  it('report that the process is alive, and whether it is ready', async () => {
    expect(await get('/livez')).toMatchObject({ status: 200, body: '{"status":"alive"}' });
    expect(await get('/readyz')).toMatchObject({ status: 200, body: '{"status":"ready"}' });
    state.isHealthy = false;
    expect(await get('/livez')).toMatchObject({ status: 200 });
    expect(await get('/readyz')).toMatchObject({ status: 503, body: '{"status":"failing"}' });
    state.isHealthy = true;
  });

  it('issue a token for credentials in a form, and refuse a request without them', async () => {
    const issued = await send({ method: 'POST', path: '/token', form: LOGIN });
    expect(issued).toMatchObject({ status: 200, headers: { 'cache-control': 'no-store' } });
    expect(JSON.parse(issued.body)).toMatchObject({ token: 'secret', expires_in: 300 });
    const refused = await get('/token?service=layover');
    expect(refused).toMatchObject({ status: 401, headers: { 'www-authenticate': 'Basic realm="layover"' } });
    expect(JSON.parse(refused.body)).toMatchObject({ errors: [{ code: 'UNAUTHORIZED' }], error: 'invalid_grant' });
  });

  it('refuse a form that is too large', async () => {
    const response = await send({ method: 'POST', path: '/token', form: 'a'.repeat(100_000) });
    expect(response).toMatchObject({ status: 400 });
  });

  it('serve the pages of a mounted app', async () => {
    expect(await get('/admin/v1/status')).toMatchObject({ status: 200, body: '{"method":"GET"}' });
  });

  it('respond 404 to other paths', async () => {
    const { status, body } = await get('/nowhere');
    expect({ status, ...JSON.parse(body) }).toMatchObject({ status: 404, errors: [{ code: 'UNSUPPORTED' }] });
  });

  it.each(['/', '/livez', '/readyz', '/token', '/admin/v1/status', '/nowhere'])(
    'respond to HEAD %s like to GET, without a body',
    async (path) => {
      const [head, full] = await Promise.all([send({ method: 'HEAD', path }), get(path)]);
      expect(head.body).toBe('');
      expect(head.status).toBe(full.status);
      const names = ['content-type', 'cache-control', 'x-content-type-options', 'www-authenticate'];
      expect(names.map((name) => head.headers[name])).toEqual(names.map((name) => full.headers[name]));
    },
  );
});

describe('the token page over HTTP/1.1', () => {
  const FORM_HEADERS = { 'content-type': FORM, 'transfer-encoding': 'chunked' };

  it('responds to an endless form, and closes the connection', async () => {
    const request = httpRequest(`${urls.http1}/token`, { method: 'POST', headers: FORM_HEADERS });
    request.on('error', () => {}); // the server may close it before everything is sent
    const closed = once(request, 'close');
    request.end(Buffer.alloc(32 * 1024 * 1024, 'a'));
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    expect(response).toMatchObject({ statusCode: 400, headers: { connection: 'close' } });
    expect(JSON.parse(await text(response))).toMatchObject({ error: 'invalid_request' });
    await closed;
  });

  it('logs no error when the client disconnects before its form is complete', async () => {
    const socket = connectSocket(Number(new URL(urls.http1).port), '127.0.0.1');
    const arrived = once(servers[0] as Server, 'request') as Promise<[IncomingMessage, ServerResponse]>;
    const head = `POST /token HTTP/1.1\r\nHost: a\r\nContent-Type: ${FORM}\r\nContent-Length: 100\r\n\r\n`;
    socket.write(`${head}grant_type=`);
    const [, response] = await arrived;
    socket.destroy();
    await once(response, 'close');
    await sendHttp1({ method: 'GET', path: '/livez' }); // the page has seen it by then
    expect(errors).toEqual([]);
  });
});
