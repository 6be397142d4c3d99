import { once } from 'node:events';
import { type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { describe, expect, it } from 'vitest';

import { digestOf } from '../../src/oci/digest.ts';
import { seededContent } from '../support/content.ts';
import { Images } from '../support/images.ts';
import { type ConfigObject, Layover } from '../support/layover.ts';
import { runProgram } from '../support/processes.ts';
import { findProgram } from '../support/programs.ts';
import { startRegistryBackend } from '../support/registry-backend.ts';
import { startServer } from '../support/start-server.ts';

const skopeo = await findProgram('skopeo');
if (skopeo === undefined) process.stderr.write('skipped: skopeo pushes through the cache (no skopeo)\n');

const images = new Images();
const before = images.addImage('team/app', '1');
const other = images.addBlob('team/other', seededContent('other', 1000));

/** Distribution 2.8 has no OCI manifest for who does not ask for one. */
const ACCEPTED = 'application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json';

/** A cache that never asks for a tag again by itself, so that only a push can tell it. */
function startCache(remoteurl: string, upstream: ConfigObject = {}, proxy: ConfigObject = {}): Promise<Layover> {
  const configured = {
    name: 'up.example',
    remoteurl,
    default: true,
    push: 'passthrough',
    tags: { ttl: '24h' },
    ...upstream,
  };
  return Layover.start({ config: { proxy: { upstreams: [configured], ...proxy } } });
}

async function digestOfTag(url: string, name = 'team/app', tag = '1'): Promise<string> {
  const answer = await fetch(`${url}/v2/${name}/manifests/${tag}`, { headers: { accept: ACCEPTED } });
  return answer.status === 200 ? digestOf(Buffer.from(await answer.arrayBuffer())) : String(answer.status);
}

const locationOf = (answer: Response, url: string) => new URL(String(answer.headers.get('location')), url);

async function startUpload(url: string, name: string): Promise<URL> {
  const started = await fetch(`${url}/v2/${name}/blobs/uploads/`, { method: 'POST' });
  expect(started.status).toBe(202);
  return locationOf(started, url);
}

/** In two pieces. @returns what the last answer says */
async function pushBlob(url: string, name: string, bytes: Buffer): Promise<Response> {
  const location = await startUpload(url, name);
  const half = bytes.length >> 1;
  const headers = { 'content-type': 'application/octet-stream' };
  const patched = await fetch(location, { method: 'PATCH', headers, body: bytes.subarray(0, half) });
  expect([patched.status, patched.headers.get('range')]).toEqual([202, `0-${half - 1}`]);
  const last = locationOf(patched, url);
  expect(last.host).toBe(new URL(url).host);
  last.searchParams.append('digest', digestOf(bytes));
  return fetch(last, { method: 'PUT', headers, body: bytes.subarray(half) });
}

const putManifest = (url: string, name: string, tag: string, body: Buffer) =>
  fetch(`${url}/v2/${name}/manifests/${tag}`, {
    method: 'PUT',
    headers: { 'content-type': (JSON.parse(body.toString()) as { mediaType: string }).mediaType },
    body,
  });

describe('push: passthrough', () => {
  it('sends a push on to the upstream, and the next pull through the cache has what is new', async () => {
    await using backend = await startRegistryBackend(images);
    await using cache = await startCache(backend.url);
    expect(await digestOfTag(cache.url)).toBe(before.digest);
    const layer = Buffer.concat([...seededContent('new layer', 300_000).read(0, 300_000)]);
    const config = Buffer.from('{}');
    for (const bytes of [layer, config]) {
      const made = await pushBlob(cache.url, 'team/app', bytes);
      expect([made.status, made.headers.get('location')]).toEqual([201, `/v2/team/app/blobs/${digestOf(bytes)}`]);
    }
    const descriptor = (mediaType: string, bytes: Buffer) => ({
      mediaType,
      digest: digestOf(bytes),
      size: bytes.length,
    });
    const manifest = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: 'application/vnd.oci.image.manifest.v1+json',
        config: descriptor('application/vnd.oci.image.config.v1+json', config),
        layers: [descriptor('application/vnd.oci.image.layer.v1.tar', layer)],
      }),
    );
    const put = await putManifest(cache.url, 'team/app', '1', manifest);
    expect([put.status, put.headers.get('location')]).toEqual([201, `/v2/team/app/manifests/${digestOf(manifest)}`]);
    expect([await digestOfTag(backend.url), await digestOfTag(cache.url)]).toEqual([
      digestOf(manifest),
      digestOf(manifest),
    ]);
  });

  it('mounts what another repository of the upstream has, and refuses a wrong digest as the upstream does', async () => {
    await using backend = await startRegistryBackend(images);
    await using cache = await startCache(backend.url);
    const mount = `mount=${other.digest}&from=up.example/team/other`;
    const mounted = await fetch(`${cache.url}/v2/up.example/team/app/blobs/uploads/?${mount}`, { method: 'POST' });
    expect([mounted.status, mounted.headers.get('location')]).toEqual([
      201,
      `/v2/up.example/team/app/blobs/${other.digest}`,
    ]);
    const location = await startUpload(cache.url, 'team/app');
    location.searchParams.append('digest', other.digest);
    const wrong = await fetch(location, { method: 'PUT', body: 'something else' });
    expect([wrong.status, await wrong.text()]).toEqual([400, expect.stringContaining('DIGEST_INVALID')]);
  });

  it.skipIf(skopeo === undefined)(
    'takes what skopeo pushes',
    async () => {
      const source = new Images();
      const image = source.addImage('new', '2', { layers: [3_000_000] });
      await using from = await startRegistryBackend(source);
      await using backend = await startRegistryBackend(images);
      await using cache = await startCache(backend.url);
      const [a, b] = [from.url, cache.url].map((url) => url.replace('http://', 'docker://'));
      const insecure = ['--src-tls-verify=false', '--dest-tls-verify=false', '--preserve-digests'];
      const policy = ['--insecure-policy', 'copy', ...insecure, `${a}/new:2`, `${b}/team/app:1`];
      expect(await digestOfTag(cache.url)).toBe(before.digest);
      await runProgram(String(skopeo), policy);
      expect([await digestOfTag(backend.url), await digestOfTag(cache.url)]).toEqual([image.digest, image.digest]);
    },
    60_000,
  );

  it('is off unless asked for, and refused for names that are denied and while offline', async () => {
    await using backend = await startRegistryBackend(images);
    const upload = async (cache: Layover) =>
      (await fetch(`${cache.url}/v2/team/app/blobs/uploads/`, { method: 'POST' })).status;
    await using off = await startCache(backend.url, { push: 'off' });
    expect(await upload(off)).toBe(405);
    await using denied = await startCache(backend.url, { deny: ['team/app'] });
    expect(await upload(denied)).toBe(403);
    await using offline = await startCache(backend.url, {}, { offline: true });
    expect(await upload(offline)).toBe(503);
  });

  it('deletes at the upstream and in the cache', async () => {
    const seen: string[] = [];
    await using upstream = await startServer((req, res) => {
      seen.push(`${req.method} ${req.url}`);
      if (req.method === 'DELETE') res.writeHead(202).end();
      else if (req.url === '/v2/') res.end('{}');
      else res.writeHead(404).end();
    });
    await using cache = await startCache(upstream.url);
    const url = `${cache.url}/v2/team/app/manifests/${before.digest}`;
    expect((await fetch(url, { method: 'DELETE' })).status).toBe(202);
    expect((await fetch(`${cache.url}/v2/team/app/blobs/${other.digest}`, { method: 'DELETE' })).status).toBe(202);
    expect(seen.filter((line) => line.startsWith('DELETE'))).toEqual([
      `DELETE /v2/team/app/manifests/${before.digest}`,
      `DELETE /v2/team/app/blobs/${other.digest}`,
    ]);
  });
});

describe('credentials', () => {
  it('are ours and never those of the client; a URL for uploads at another host gets none, and cannot be made up', async () => {
    const seen: { readonly what: string; readonly headers: IncomingHttpHeaders }[] = [];
    await using elsewhere = await startServer((req, res) => {
      seen.push({ what: `elsewhere ${req.method}`, headers: req.headers });
      req.resume();
      res.writeHead(202, { location: String(req.url) }).end();
    });
    const stranger = elsewhere.url.replace('127.0.0.1', 'localhost');
    await using upstream = await startServer((req, res) => {
      seen.push({ what: `upstream ${req.method}`, headers: req.headers });
      req.resume();
      if (!req.headers.authorization) res.writeHead(401, { 'www-authenticate': 'Basic realm="up"' }).end();
      else if (req.method === 'POST') res.writeHead(202, { location: `${stranger}/session?a=b` }).end();
      else res.end('{}');
    });
    await using cache = await startCache(upstream.url, { credentials: [{ username: 'we', password: 'swordfish' }] });
    const authorization = 'Basic Y2xpZW50OmNsaWVudA==';
    const client = { authorization, cookie: 'a=b', 'x-forwarded-for': '1.2.3.4' };
    const started = await fetch(`${cache.url}/v2/team/app/blobs/uploads/`, { method: 'POST', headers: client });
    const location = locationOf(started, cache.url);
    const sent = { ...client, expect: '100-continue', 'content-length': 5 };
    const asking = request(location, { method: 'PATCH', headers: sent, agent: false }).end('bytes');
    const [patched] = (await once(asking, 'response')) as [IncomingMessage];
    patched.resume();
    expect([started.status, patched.statusCode]).toEqual([202, 202]);
    const forwarded = seen.filter(({ what }) => what !== 'upstream GET');
    expect(forwarded.map(({ what, headers }) => [what, headers.authorization])).toEqual([
      ['upstream POST', `Basic ${Buffer.from('we:swordfish').toString('base64')}`],
      ['elsewhere PATCH', undefined],
    ]);
    expect(forwarded.flatMap(({ headers }) => [headers.cookie, headers['x-forwarded-for']]).filter(Boolean)).toEqual(
      [],
    );
    const forged = new URL(location);
    forged.searchParams.set(
      '_state',
      Buffer.from(`${'0'.repeat(32)}team/app\n${elsewhere.url}/`).toString('base64url'),
    );
    expect((await fetch(forged, { method: 'PATCH', body: 'bytes' })).status).toBe(400);
    forged.pathname = forged.pathname.replace('team/app', 'team/other');
    forged.searchParams.set('_state', String(location.searchParams.get('_state')));
    expect((await fetch(forged, { method: 'PATCH', body: 'bytes' })).status).toBe(400);
    expect(cache.output).not.toContain('swordfish');
  });

  it('that the upstream refuses are not asked of the client', async () => {
    await using upstream = await startServer((req, res) => {
      req.resume();
      if (req.url === '/v2/') res.end('{}');
      else res.writeHead(401, { 'www-authenticate': 'Basic realm="up"' }).end();
    });
    await using cache = await startCache(upstream.url);
    const answer = await fetch(`${cache.url}/v2/team/app/blobs/uploads/`, { method: 'POST' });
    expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([403, null]);
  });
});

describe('an upstream that', () => {
  it.each([
    ['answers and breaks off while the body is on its way', 404],
    ['breaks off without an answer', undefined],
  ])('%s takes nobody else with it', async (_what, status) => {
    await using upstream = await startServer((req, res) => {
      if (req.method === 'POST') res.writeHead(202, { location: '/session' }).end();
      else if (req.method !== 'PATCH') res.end('{}');
      else if (status === undefined) req.socket.resetAndDestroy();
      else res.writeHead(status).end(() => req.socket.resetAndDestroy());
    });
    await using cache = await startCache(upstream.url);
    const location = await startUpload(cache.url, 'team/app');
    const sending = request(location, { method: 'PATCH', agent: false });
    // Whether the answer or the end of the connection is seen first is a matter of luck.
    const ended = new Promise((resolve) => {
      sending
        .on('error', resolve)
        .on('response', (answer) => answer.on('error', resolve).on('close', resolve).resume());
    });
    for (let i = 0; i < 20; i++) sending.write(Buffer.alloc(1_000_000));
    sending.end();
    await ended;
    expect((await fetch(`${cache.url}/v2/`)).status).toBe(200);
  });
});
