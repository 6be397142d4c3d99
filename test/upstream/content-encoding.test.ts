import { randomBytes } from 'node:crypto';
import zlib from 'node:zlib';
import { describe, expect, it } from 'vitest';

import { digestOf } from '../../src/oci/digest.ts';
import { bytesOf } from '../support/read-body.ts';
import { connect, failureOf } from './support/connect.ts';
import { BY_DIGEST, LATEST, MANIFEST_TYPE, manifest, manifestDigest } from './support/samples.ts';
import { type Script, startScripted } from './support/scripted-server.ts';

const text = Buffer.from('hello '.repeat(10_000));
const digest = digestOf(text);

type Encode = (bytes: Buffer) => Buffer;
const ENCODINGS: readonly (readonly [string, Encode])[] = [
  ['gzip', zlib.gzipSync],
  ['X-GZip', zlib.gzipSync],
  ['deflate', zlib.deflateSync],
  ['br', zlib.brotliCompressSync],
  ['gzip, br', (bytes) => zlib.brotliCompressSync(zlib.gzipSync(bytes))],
  ['identity', (bytes) => bytes],
  ['aws-chunked', (bytes) => bytes],
];

interface Sending {
  readonly type?: string;
  readonly length?: boolean;
}

/** Encodes every response, and ignores ranges. */
function sending(
  bytes: Buffer,
  [name, encode]: readonly [string, Encode],
  { type, length = true }: Sending = {},
): Script {
  const body = encode(bytes);
  return (req, res) => {
    res.writeHead(200, {
      'content-encoding': name,
      'content-type': type ?? 'application/octet-stream',
      'docker-content-digest': digestOf(bytes),
      ...(length && { 'content-length': body.length }),
    });
    res.end(req.method === 'HEAD' ? undefined : body);
  };
}

describe('a body with an encoding that was not requested', () => {
  it.each(ENCODINGS)('(%s) is decoded, and HEAD agrees with GET', async (...encoding) => {
    await using registry = await startScripted((req, res, seen) =>
      req.url?.includes('/manifests/')
        ? sending(manifest, encoding, { type: MANIFEST_TYPE })(req, res, seen)
        : sending(text, encoding)(req, res, seen),
    );
    await using up = connect(registry.url);
    const { upstream } = up;
    expect((await upstream.fetchManifest('a', LATEST)).bytes).toEqual(manifest);
    const isPlain = ['identity', 'aws-chunked'].includes(encoding[0]);
    expect((await upstream.resolveManifest('a', BY_DIGEST)).size).toBe(isPlain ? manifest.length : undefined);
    expect(await upstream.resolveBlob('a', digest)).toEqual({ size: text.length });
    const opened = await upstream.openBlob('a', digest);
    expect(opened).toMatchObject({ size: text.length, start: 0 });
    expect((await bytesOf(opened.body)).equals(text)).toBe(true);
    expect(registry.seen.every(({ headers }) => headers['accept-encoding'] === 'identity')).toBe(true);
  });

  it('is decoded in lists and in responses of token servers', async () => {
    const gzip: Script = (req, res) => {
      const json = req.url?.startsWith('/token') ? { token: 't' } : { name: 'a', tags: ['1', '2'] };
      res.writeHead(200, { 'content-encoding': 'gzip', 'content-type': 'application/json' });
      res.end(zlib.gzipSync(JSON.stringify(json)));
    };
    await using registry = await startScripted((req, res, seen) => {
      if (req.url?.startsWith('/token') || req.headers.authorization === 'Bearer t') return gzip(req, res, seen);
      res.writeHead(401, { 'www-authenticate': `Bearer realm="http://${req.headers.host}/token"` }).end();
    });
    await using up = connect(registry.url);
    expect((await up.upstream.listTags('a', {})).tags).toEqual(['1', '2']);
  });

  it('is a part of the blob when a part is wanted', async () => {
    await using registry = await startScripted(sending(text, ['gzip', zlib.gzipSync]));
    await using up = connect(registry.url);
    const opened = await up.upstream.openBlob('a', digest, { start: 100, end: 1_000 });
    expect(opened).toMatchObject({ size: text.length, start: 100 });
    expect((await bytesOf(opened.body)).equals(text.subarray(100, 1_000))).toBe(true);
  });

  it('is requested whole after a part of the encoded bytes', async () => {
    const encoded = zlib.gzipSync(text);
    await using registry = await startScripted((req, res) => {
      const range =
        req.headers.range === undefined ? undefined : { 'content-range': `bytes 100-199/${encoded.length}` };
      res.writeHead(range ? 206 : 200, { 'content-encoding': 'gzip', ...range });
      res.end(range ? encoded.subarray(100, 200) : encoded);
    });
    await using up = connect(registry.url);
    const { body, start } = await up.upstream.openBlob('a', digest, { start: 100 });
    expect([start, (await bytesOf(body)).equals(text.subarray(100))]).toEqual([100, true]);
  });

  it('is streamed when it is large and compressed while it is sent, without a size', async () => {
    const large = randomBytes(12 * 1024 * 1024);
    await using registry = await startScripted(sending(large, ['gzip', zlib.gzipSync], { length: false }));
    await using up = connect(registry.url);
    const opened = await up.upstream.openBlob('a', digestOf(large));
    expect([opened.size, opened.start]).toEqual([undefined, 0]);
    expect((await bytesOf(opened.body)).equals(large)).toBe(true);
    expect(await up.upstream.resolveBlob('a', digestOf(large))).toEqual({ size: large.length });
  });

  it('is not decoded when the blob itself is the compressed file', async () => {
    const layer = zlib.gzipSync(text);
    for (const length of [true, false]) {
      await using registry = await startScripted(sending(layer, ['gzip', (bytes) => bytes], { length }));
      await using up = connect(registry.url);
      expect((await bytesOf((await up.upstream.openBlob('a', digestOf(layer))).body)).equals(layer)).toBe(true);
      expect(await up.upstream.resolveBlob('a', digestOf(layer))).toEqual({ size: layer.length });
    }
  });

  it.each([
    ['is not what it says', Buffer.from('no gzip at all')],
    ['is cut off', zlib.gzipSync(text).subarray(0, 100)],
    ['is something else', zlib.gzipSync('other')],
  ])('and %s is a protocol error', async (_, body) => {
    await using registry = await startScripted(
      (_req, res) => void res.writeHead(200, { 'content-encoding': 'gzip', 'content-type': MANIFEST_TYPE }).end(body),
    );
    await using up = connect(registry.url);
    expect((await failureOf(up.upstream.openBlob('a', digest))).kind).toBe('protocol');
    expect((await failureOf(up.upstream.resolveBlob('a', digest))).kind).toBe('protocol');
    if (body.length !== zlib.gzipSync('other').length)
      expect((await failureOf(up.upstream.fetchManifest('a', LATEST))).kind).toBe('protocol');
  });

  it('is not decoded beyond the limit of a manifest', async () => {
    const bomb = zlib.gzipSync(Buffer.alloc(100_000_000), { level: 1 });
    await using registry = await startScripted(
      (_req, res) => void res.writeHead(200, { 'content-encoding': 'gzip', 'content-type': MANIFEST_TYPE }).end(bomb),
    );
    await using up = connect(registry.url);
    const failure = await failureOf(up.upstream.fetchManifest('a', BY_DIGEST));
    expect([failure.kind, failure.message]).toEqual(['protocol', expect.stringContaining('is larger than')]);
  });
});

describe('an HTML page', () => {
  const page: Script = (req, res) => {
    const body = '<html>Please log in</html>';
    res.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'content-length': body.length });
    res.end(req.method === 'HEAD' ? undefined : body);
  };

  it('is never the blob, the manifest, a list or a token', async () => {
    await using registry = await startScripted(page);
    await using up = connect(registry.url);
    const { upstream } = up;
    const calls = [
      () => upstream.openBlob('a', digest),
      () => upstream.openBlob('a', digest, { start: 5 }),
      () => upstream.resolveBlob('a', digest),
      () => upstream.fetchManifest('a', LATEST),
      () => upstream.resolveManifest('a', { kind: 'digest', digest: manifestDigest }),
      () => upstream.listTags('a', {}),
      () => upstream.listReferrers('a', digest),
    ];
    for (const call of calls) {
      const failure = await failureOf(call());
      expect([failure.kind, failure.message]).toEqual(['protocol', expect.stringContaining('HTML page instead of')]);
    }
    await using guarded = await startScripted(
      (_req, res) => void res.writeHead(401, { 'www-authenticate': `Bearer realm="${registry.url}/token"` }).end(),
    );
    await using other = connect(guarded.url);
    expect((await failureOf(other.upstream.fetchManifest('a', LATEST))).message).toContain('HTML page instead of JSON');
  });

  it('is the blob when its digest matches', async () => {
    const body = Buffer.from('<html>Please log in</html>');
    await using registry = await startScripted(page);
    await using up = connect(registry.url);
    expect(await up.upstream.resolveBlob('a', digestOf(body))).toEqual({ size: body.length });
    expect(await bytesOf((await up.upstream.openBlob('a', digestOf(body))).body)).toEqual(body);
  });
});
