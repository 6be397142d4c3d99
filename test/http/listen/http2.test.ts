import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from 'node:http2';
import { writeFile } from 'node:fs/promises';
import { buffer, text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { digestOf } from '../../../src/oci/digest.ts';
import type { Layover } from '../../support/layover.ts';
import { findProgram } from '../../support/programs.ts';
import { ask } from '../v2/ask.ts';
import { type Certificate, certificate } from '../tls/certificates.ts';
import { app, huge, large, type ReadScene, startReadScene } from '../v2/read-scene.ts';

const curl = await findProgram('curl');

let ca: Certificate;
let tls: ReadScene;
let plain: ReadScene;
let caFile: string;

beforeAll(async () => {
  ca = await certificate('ca');
  const own = await certificate('own', { ca });
  const limits = { headertimeout: '800ms' };
  plain = await startReadScene({ http: { h2c: { enabled: true }, limits } }, { ownProcess: true });
  const files = { certificate: plain.temporaryPath('cert.pem'), key: plain.temporaryPath('key.pem') };
  caFile = plain.temporaryPath('ca.pem');
  await Promise.all([
    writeFile(caFile, ca.cert),
    writeFile(files.certificate, own.cert),
    writeFile(files.key, own.key),
  ]);
  tls = await startReadScene({ http: { tls: files } }, { ownProcess: true });
});
afterAll(async () => {
  await tls?.[Symbol.asyncDispose]();
  await plain?.[Symbol.asyncDispose]();
});

/** A session whose end is awaited when it goes out of scope. */
async function openSession({ url }: Layover) {
  const session = connect(url, { ca: ca.cert });
  session.on('error', () => {});
  await once(session, 'connect');
  return Object.assign(session, {
    [Symbol.dispose]() {
      session.destroy();
    },
  });
}

async function get(session: ClientHttp2Session, headers: OutgoingHttpHeaders) {
  const stream: ClientHttp2Stream = session.request(headers);
  const [received] = (await once(stream, 'response')) as [IncomingHttpHeaders];
  return { status: received[':status'] as unknown as number, headers: received, stream };
}

const blobPath = `/v2/team/app/blobs/${huge.digest}`;

describe.each([
  ['with TLS', () => tls.layover],
  ['without TLS', () => plain.layover],
])('HTTP/2 %s', (_how, layover) => {
  it('serves manifests, and logs the protocol', async () => {
    using session = await openSession(layover());
    const { status, headers, stream } = await get(session, { ':path': '/v2/team/app/manifests/1' });
    expect([status, headers['docker-content-digest']]).toEqual([200, app.digest]);
    expect(digestOf(await buffer(stream))).toBe(app.digest);
    const [line] = await layover().waitForOutput(/http\.request\.proto=HTTP\/2\.0 .*/);
    expect(line).toContain('http.response.status=200');
  });

  it('serves blobs, whole and in ranges, many at once on one connection', async () => {
    using session = await openSession(layover());
    const pulls = Array.from({ length: 8 }, async () => {
      const { stream } = await get(session, { ':path': blobPath });
      return digestOf(await buffer(stream));
    });
    expect(new Set(await Promise.all(pulls))).toEqual(new Set([huge.digest]));
    const path = `/v2/team/app/blobs/${large.digest}`;
    const part = await get(session, { ':path': path, range: 'bytes=100-299999' });
    expect([part.status, part.headers['content-range']]).toEqual([206, 'bytes 100-299999/300000']);
    expect((await buffer(part.stream)).length).toBe(299_900);
  });

  it('responds with 304, 404 and 405, and to HEAD, like HTTP/1.1', async () => {
    using session = await openSession(layover());
    const head = await get(session, { ':path': blobPath, ':method': 'HEAD' });
    expect([head.status, head.headers['content-length'], (await buffer(head.stream)).length]).toEqual([
      200,
      String(huge.size),
      0,
    ]);
    const same = await get(session, { ':path': blobPath, 'if-none-match': `"${huge.digest}"` });
    expect(same.status).toBe(304);
    const missing = await get(session, { ':path': '/v2/team/app/manifests/none' });
    expect([missing.status, await text(missing.stream)]).toEqual([404, expect.stringContaining('MANIFEST_UNKNOWN')]);
    const refused = await get(session, { ':path': '/v2/team/app/manifests/1', ':method': 'POST' });
    expect(refused.status).toBe(405);
  });

  it('serves the pages outside the registry API', async () => {
    using session = await openSession(layover());
    const root = await get(session, { ':path': '/' });
    expect([root.status, root.headers['cache-control']]).toEqual([200, 'no-cache']);
    const other = await get(session, { ':path': '/other' });
    expect([other.status, await text(other.stream)]).toEqual([404, expect.stringContaining('page not found')]);
  });

  it('sends a blob at the pace of a client that reads slowly, in bounded memory', async () => {
    using session = await openSession(layover());
    const before = await layover().rss();
    const streams = await Promise.all(Array.from({ length: 12 }, () => get(session, { ':path': blobPath })));
    for (const { stream } of streams) stream.pause();
    // A request behind them still gets its response when the others wait for their client.
    const { status } = await get(session, { ':path': '/v2/' });
    expect(status).toBe(200);
    const grown = (await layover().rss()) - before;
    expect(grown).toBeLessThan(12 * huge.size * 0.75);
    for (const { stream } of streams) stream.close(constants.NGHTTP2_CANCEL);
  });

  it('still serves HTTP/1.1', async () => {
    if (layover() === plain.layover) {
      const response = await ask(`${layover().url}/v2/team/app/manifests/1`);
      expect([response.status, digestOf(response.body)]).toEqual([200, app.digest]);
    }
    if (curl === undefined) return;
    expect(await runCurl(layover(), '--http1.1', '/v2/team/app/manifests/1')).toBe(`1.1 200 ${app.digest}`);
  });

  it.skipIf(curl === undefined)('is spoken by curl', async () => {
    const how = layover() === tls.layover ? '--http2' : '--http2-prior-knowledge';
    expect(await runCurl(layover(), how, '/v2/team/app/manifests/1')).toBe(`2 200 ${app.digest}`);
    expect(await runCurl(layover(), how, blobPath)).toBe(`2 200 ${huge.digest}`);
  });
});

/** @returns version, status and the digest of the body */
async function runCurl({ url }: Layover, how: string, path: string): Promise<string> {
  const child = spawn(String(curl), [
    '-sS',
    how,
    '--cacert',
    caFile,
    '-w',
    '%{stderr}%{http_version} %{http_code}',
    `${url}${path}`,
  ]);
  const [body, words] = await Promise.all([buffer(child.stdout), text(child.stderr)]);
  return `${words} ${digestOf(body)}`;
}

describe('a client of HTTP/2 that stalls', () => {
  it('has its stream closed, and its other streams continue', async () => {
    await using scene = await startReadScene({ http: { h2c: { enabled: true }, limits: { stalltimeout: '800ms' } } });
    using session = await openSession(scene.layover);
    const still = await get(session, { ':path': blobPath });
    still.stream.pause();
    still.stream.on('error', () => {});
    const closed = once(still.stream, 'close');
    await scene.layover.waitForOutput(/client disconnected/);
    expect((await get(session, { ':path': '/v2/' })).status).toBe(200);
    still.stream.resume();
    await closed;
    expect(still.stream.rstCode).toBe(constants.NGHTTP2_CANCEL);
  });
});

describe('a port for HTTP/1.1 and HTTP/2', () => {
  it('closes a connection that starts neither', async () => {
    const { connect: connectTcp } = await import('node:net');
    const socket = connectTcp(plain.layover.port, '127.0.0.1');
    socket.write('PRI * HTTP/2.0\r\n');
    socket.resume();
    await once(socket, 'close');
    expect(socket.bytesRead).toBe(0);
  });
});

it('draining sends GOAWAY to clients of HTTP/2, and lets responses in progress finish', async () => {
  await using scene = await startReadScene({ http: { h2c: { enabled: true } } });
  using session = await openSession(scene.layover);
  const { stream } = await get(session, { ':path': blobPath });
  stream.pause();
  const goaway = once(session, 'goaway');
  const ending = scene.layover.kill('SIGTERM');
  const [code] = (await goaway) as [number];
  expect(code).toBe(constants.NGHTTP2_NO_ERROR);
  expect(digestOf(await buffer(stream))).toBe(huge.digest);
  expect(await ending).toMatchObject({ code: 0 });
});

it('http.http2.disabled leaves HTTP/1.1', async () => {
  const files = { certificate: plain.temporaryPath('cert.pem'), key: plain.temporaryPath('key.pem') };
  await using scene = await startReadScene({ http: { tls: files, http2: { disabled: true } } });
  expect(await runCurl(scene.layover, '--http2', '/v2/team/app/manifests/1')).toBe(`1.1 200 ${app.digest}`);
});
