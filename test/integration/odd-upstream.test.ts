import type { IncomingMessage, ServerResponse } from 'node:http';
import zlib from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { digestOf } from '../../src/oci/digest.ts';
import { ask, errorOf } from '../http/v2/ask.ts';
import { Layover } from '../support/layover.ts';
import { startServer } from '../support/start-server.ts';

const TYPE = 'application/vnd.oci.image.index.v1+json';
const manifest = Buffer.from(`{"schemaVersion":2,"mediaType":"${TYPE}","manifests":[]}`);
const blob = Buffer.from('hello '.repeat(100));

type Odd = (
  req: IncomingMessage,
  res: ServerResponse,
  honest: { readonly bytes: Buffer; readonly type: string },
) => void;

/** By the first part of the repository's name. Each breaks in its own way whatever it is asked for. */
const ODDITIES: Readonly<Record<string, Odd>> = {
  html: (req, res) => send(req, res, { 'content-type': 'text/html' }, Buffer.from('<html>log in</html>')),
  wrong: (req, res, { type }) => send(req, res, { 'content-type': type }, Buffer.from('wrong bytes')),
  notgzip: (req, res, { type, bytes }) =>
    send(req, res, { 'content-type': type, 'content-encoding': 'gzip' }, bytes.subarray(1)),
  empty: (req, res, { type }) => send(req, res, { 'content-type': type }, Buffer.alloc(0)),
  nocontent: (_req, res) => void res.writeHead(204).end(),
  reset: (_req, res) => void res.writeHead(205).end(),
  partial: (req, res, { bytes }) => {
    res.writeHead(206, { 'content-range': 'bytes 5-1/x', 'content-length': bytes.length });
    res.end(req.method === 'HEAD' ? undefined : bytes);
  },
  odd: (_req, res) => void res.writeHead(299, 'Whatever').end(),
  high: (_req, res) => void res.writeHead(799).end(),
  notmodified: (_req, res) => void res.writeHead(304).end(),
  loop: (req, res) => void res.writeHead(302, { location: req.url }).end(),
  hints: (_req, res) =>
    raw(
      res,
      'HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n',
    ),
  upgrade: (_req, res) => raw(res, 'HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n'),
  noise: (_req, res) => raw(res, '\u0000\u0001 nothing of HTTP\r\n\r\n'),
  badheader: (_req, res) => raw(res, 'HTTP/1.1 200 OK\r\nbad header\u0001: x\r\n\r\n'),
  badlength: (_req, res) => raw(res, 'HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\n'),
  hugelength: (_req, res) => raw(res, 'HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999999\r\n\r\n'),
  twolengths: (_req, res) => raw(res, 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello'),
  badchunks: (_req, res) => raw(res, 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nZZ\r\nhello\r\n'),
  headerbomb: (_req, res) => raw(res, `HTTP/1.1 200 OK\r\n${'x: y\r\n'.repeat(20_000)}\r\n`),
  longheader: (_req, res) => raw(res, `HTTP/1.1 200 OK\r\ndocker-content-digest: ${'x'.repeat(100_000)}\r\n\r\n`),
  hangup: (_req, res) => void res.socket?.destroy(),
  retryafter: (_req, res) => void res.writeHead(429, { 'retry-after': '9'.repeat(400) }).end(),
  badrealm: (_req, res) => void res.writeHead(401, { 'www-authenticate': 'Bearer realm="\\"' }).end(),
  badjson: (req, res) => send(req, res, { 'content-type': 'application/json' }, Buffer.from('{"tags":')),
  nulls: (req, res) => send(req, res, { 'content-type': 'application/json' }, Buffer.from('null')),
};

function send(req: IncomingMessage, res: ServerResponse, headers: Record<string, string>, body: Buffer): void {
  res.writeHead(200, { ...headers, 'content-length': body.length }).end(req.method === 'HEAD' ? undefined : body);
}

function raw(res: ServerResponse, text: string): void {
  res.socket?.end(Buffer.from(text, 'latin1'));
}

/** What is requested. A breaker counts for one upstream, so each of these has one of its own for each oddity. */
const PATHS = {
  tag: 'app/manifests/1',
  manifest: `app/manifests/${digestOf(manifest)}`,
  blob: `app/blobs/${digestOf(blob)}`,
  tags: 'app/tags/list',
  referrers: `app/referrers/${digestOf(manifest)}`,
};

/** They lie with a straight face: only the body tells. */
const LYING_HEADS = new Set(['wrong/manifest', 'wrong/blob', 'empty/manifest', 'empty/blob']);

const NAMES = [...Object.keys(ODDITIES), 'gzip'];
let upstream: Awaited<ReturnType<typeof startServer>>;
let cache: Layover;
beforeAll(async () => {
  upstream = await startServer((req, res) => {
    const [, name = ''] = /^\/(\w+)\//.exec(req.url ?? '') ?? [];
    const isBlob = req.url?.includes('/blobs/');
    const honest = isBlob ? { bytes: blob, type: 'application/octet-stream' } : { bytes: manifest, type: TYPE };
    const { bytes, type } = honest;
    if (name === 'gzip') {
      const headers = { 'content-type': type, 'content-encoding': 'gzip', 'docker-content-digest': digestOf(bytes) };
      send(req, res, headers, zlib.gzipSync(bytes));
    } else ODDITIES[name]?.(req, res, honest);
  });
  const upstreams = NAMES.flatMap((name) =>
    Object.keys(PATHS).map((what) => ({ name: `${what}.${name}`, remoteurl: `${upstream.url}/${name}` })),
  );
  cache = await Layover.start({ config: { proxy: { upstreams } } });
});
afterAll(async () => {
  await cache?.[Symbol.asyncDispose]();
  await upstream?.[Symbol.asyncDispose]();
});

describe('an upstream that answers oddly', () => {
  it.each(Object.keys(ODDITIES))('(%s) is never a fault of ours, and HEAD says what GET says', async (name) => {
    for (const [what, path] of Object.entries(PATHS)) {
      const url = `${cache.url}/v2/${what}.${name}/${path}`;
      const head = await ask(url, { method: 'HEAD' });
      // Cut off where it turned out too late that these are not the bytes.
      const got = await ask(url).catch(() => undefined);
      expect([head.status, got?.status], what).not.toContain(500);
      if (got && got.status >= 400) expect(errorOf(got)[1], what).not.toBe('UNKNOWN');
      if (!LYING_HEADS.has(`${name}/${what}`)) expect(head.status, what).toBe(got?.status);
    }
    expect(await cache.visibleBlobs()).toEqual([]);
  });

  it('but only compresses is served', async () => {
    for (const [what, bytes] of [
      ['tag', manifest],
      ['blob', blob],
    ] as const) {
      const url = `${cache.url}/v2/${what}.gzip/${PATHS[what]}`;
      const head = await ask(url, { method: 'HEAD' });
      const got = await ask(url);
      expect([got.status, got.body.equals(bytes), got.headers['content-encoding']]).toEqual([200, true, undefined]);
      expect([head.status, head.headers['content-length']]).toEqual([200, String(bytes.length)]);
    }
    await cache.settled();
    expect((await cache.visibleBlobs()).every(({ intact }) => intact)).toBe(true);
  });
});
