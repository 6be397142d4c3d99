import { once } from 'node:events';
import { type ClientHttp2Stream, connect, type IncomingHttpHeaders } from 'node:http2';
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { htpasswdOf } from '../../auth/htpasswd-file.ts';
import { startPassthrough } from '../../integration/passthrough-scene.ts';
import { Layover } from '../../support/layover.ts';
import { startServer } from '../../support/start-server.ts';
import { writeFile } from 'node:fs/promises';
import { ask } from '../v2/ask.ts';
import { exchangeBytes, parseResponses } from '../v2/raw-exchange.ts';
import { app, large, type ReadScene, startReadScene, unknown } from '../v2/read-scene.ts';

const CSP = "default-src 'none'; sandbox";
const SAFE = { 'x-content-type-options': 'nosniff', 'content-security-policy': CSP };
const NAVIGATION = { 'sec-fetch-dest': 'document', 'sec-fetch-mode': 'navigate' };

let scene: ReadScene;
let guarded: ReadScene;
beforeAll(async () => {
  scene = await startReadScene({ http: { h2c: { enabled: true } }, storage: { delete: { enabled: true } } });
  guarded = await startReadScene();
  const path = guarded.temporaryPath('htpasswd');
  await writeFile(path, await htpasswdOf({ me: 'pw' }));
  await guarded.layover.restart({ auth: { htpasswd: { realm: 'r', path } } });
});
afterAll(async () => {
  await scene?.[Symbol.asyncDispose]();
  await guarded?.[Symbol.asyncDispose]();
});

interface Case {
  readonly status: number;
  readonly path: string;
  readonly method?: string;
  readonly headers?: Record<string, string>;
}

const blob = `/v2/team/app/blobs/${large.digest}`;
const CASES: readonly Case[] = [
  { status: 200, path: '/v2/' },
  { status: 200, path: '/v2' },
  { status: 200, path: '/v2/_catalog' },
  { status: 200, path: '/v2/team/app/tags/list', method: 'HEAD' },
  { status: 200, path: '/v2/team/app/manifests/1' },
  { status: 200, path: '/v2/team/app/manifests/1', method: 'HEAD' },
  { status: 304, path: '/v2/team/app/manifests/1', headers: { 'if-none-match': `"${app.digest}"` } },
  { status: 200, path: blob },
  { status: 200, path: blob, method: 'HEAD' },
  { status: 206, path: blob, headers: { range: 'bytes=1-2' } },
  { status: 206, path: blob, headers: { range: 'bytes=1-2,5-6' } },
  { status: 416, path: blob, headers: { range: 'bytes=999999999-' } },
  { status: 304, path: blob, headers: { 'if-none-match': `"${large.digest}"` } },
  { status: 404, path: `/v2/team/app/blobs/${unknown}` },
  { status: 200, path: `/v2/team/app/referrers/${app.digest}` },
  { status: 400, path: '/v2/UPPER/tags/list' },
  { status: 404, path: '/v2/<script>' },
  { status: 405, path: '/v2/team/app/manifests/1', method: 'POST' },
  { status: 200, path: '/v2/team/app/manifests/1', method: 'OPTIONS' },
  { status: 202, path: '/v2/team/new/blobs/uploads/', method: 'POST' },
  { status: 404, path: '/v2/team/new/blobs/uploads/none', method: 'DELETE' },
];

describe.each(CASES)('$status of $method $path', ({ status, path, method = 'GET', headers = {} }) => {
  it('must be neither run, nor sniffed, nor shown by a browser', async () => {
    const response = await ask(scene.layover.url + path, { method, headers });
    expect([response.status, response.headers]).toEqual([status, expect.objectContaining(SAFE)]);
    expect(response.headers).not.toHaveProperty('content-disposition');
    const shown = await ask(scene.layover.url + path, { method, headers: { ...headers, ...NAVIGATION } });
    expect(shown.headers).toMatchObject({ ...SAFE, 'content-disposition': 'attachment' });
  });
});

it('the same headers are in a 401, over HTTP/2, and in the response to bytes that are not HTTP', async () => {
  const refused = await ask(`${guarded.layover.url}/v2/team/app/manifests/1`, { headers: NAVIGATION });
  expect([refused.status, refused.headers]).toEqual([
    401,
    expect.objectContaining({ ...SAFE, 'content-disposition': 'attachment' }),
  ]);
  const session = connect(scene.layover.url);
  const stream: ClientHttp2Stream = session.request({ ':path': '/v2/team/app/manifests/1', ...NAVIGATION });
  const [received] = (await once(stream, 'response')) as [IncomingHttpHeaders];
  session.destroy();
  expect(received).toMatchObject({ ':status': 200, ...SAFE, 'content-disposition': 'attachment' });
  const raw = await exchangeBytes(scene.layover.port, Buffer.from('GET /v2/ NONSENSE\r\n\r\n'));
  const [told] = parseResponses(raw, ['GET']);
  expect([told?.status, Object.fromEntries(told?.headers ?? [])]).toEqual([400, expect.objectContaining(SAFE)]);
});

it.each(['iframe', 'frame', 'embed', 'object', 'document'])('a response in %s is not shown', async (dest) => {
  const { headers } = await ask(scene.layover.url + blob, { headers: { 'sec-fetch-dest': dest } });
  expect(headers['content-disposition']).toBe('attachment');
});

it('a configured header replaces the default one, in any case, and no other', async () => {
  await using configured = await startReadScene({
    http: { headers: { 'CONTENT-security-Policy': ["default-src 'self'"], 'Content-Disposition': ['inline'] } },
  });
  const { headers } = await ask(`${configured.layover.url}/v2/team/app/manifests/1`, { headers: NAVIGATION });
  expect(headers).toMatchObject({
    'content-security-policy': "default-src 'self'",
    'content-disposition': 'inline',
    'x-content-type-options': 'nosniff',
  });
});

describe('a manifest of an upstream', () => {
  it.each([
    'text/html',
    'image/svg+xml',
    'application/xhtml+xml',
    'a\r\nX-Injected: 1',
    'application/vnd.ä',
    'x'.repeat(9000),
    '',
  ])(
    'with the media type %j is served as application/octet-stream, by tag and by digest, GET and HEAD',
    async (mediaType) => {
      const body = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, config: undefined, layers: [] }));
      const digest = `sha256:${createHash('sha256').update(body).digest('hex')}`;
      await using upstream = await startServer((req, res) => {
        const type = /^[ -~]{1,1000}$/.test(mediaType) ? mediaType : 'text/html';
        res.writeHead(200, { 'content-type': type, 'docker-content-digest': digest, 'content-length': body.length });
        res.end(req.method === 'HEAD' ? undefined : body);
      });
      await using layover = await Layover.start({
        config: { proxy: { upstreams: [{ name: 'x.example', remoteurl: upstream.url, default: true }] } },
      });
      for (const method of ['HEAD', 'GET', 'HEAD', 'GET']) {
        for (const reference of ['1', digest]) {
          const { status, headers } = await ask(`${layover.url}/v2/a/b/manifests/${reference}`, { method });
          expect([200, 404, 502]).toContain(status);
          expect(headers['content-type']).toMatch(
            /^application\/(?:octet-stream|json|vnd\.oci\.image\.manifest\.v1\+json)$/,
          );
          expect(headers).toMatchObject(SAFE);
          expect(headers).not.toHaveProperty('x-injected');
        }
      }
    },
  );
});

it('the response of an upstream to a push is relayed without cookies, and not as a page', async () => {
  const page = '<script>alert(document.domain)</script>';
  await using upstream = await startServer((req, res) => {
    req.resume();
    res.writeHead(req.method === 'DELETE' ? 202 : 400, {
      'content-type': 'text/html; charset=utf-8',
      'set-cookie': 'session=stolen',
      'content-disposition': 'inline',
      'content-security-policy': 'script-src *',
      'docker-content-digest': 'sha256:../../../evil',
      refresh: '0; url=http://evil.example',
      location: 'http://evil.example/',
    });
    res.end(page);
  });
  await using layover = await startPassthrough(upstream.url);
  const response = await fetch(`${layover.url}/v2/a/b/manifests/1`, {
    method: 'PUT',
    body: '{}',
    headers: { 'content-type': 'application/json' },
  });
  expect(response.status).toBe(400);
  expect(Object.fromEntries(response.headers)).toMatchObject({ ...SAFE, 'content-type': 'application/json' });
  expect(await response.text()).not.toContain('script');
  for (const name of ['set-cookie', 'refresh', 'location', 'docker-content-digest', 'content-disposition']) {
    expect([name, response.headers.get(name)]).toEqual([name, null]);
  }
});
