import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { digestOf } from '../../../src/oci/digest.ts';
import { ask, errorOf } from './ask.ts';
import { readParts } from './multipart.ts';
import { empty, large, long, type ReadScene, small, startReadScene, unknown } from './read-scene.ts';

let scene: ReadScene;
let v2: string;

beforeAll(async () => {
  scene = await startReadScene();
  v2 = `${scene.layover.url}/v2`;
});

afterAll(() => scene[Symbol.asyncDispose]());

const bytesOf = (content: { read(): Iterable<Buffer> }) => Buffer.concat([...content.read()]);

describe('a blob', () => {
  const blobUrl = (digest: string) => `${v2}/team/app/blobs/${digest}`;

  it.each([
    ['small', small],
    ['larger than what is kept in memory', large],
    ['under a sha512 digest', long],
    ['empty', empty],
  ])('that is %s comes complete', async (_, content) => {
    const headers = {
      'docker-distribution-api-version': 'registry/2.0',
      'docker-content-digest': content.digest,
      etag: `"${content.digest}"`,
      'content-type': 'application/octet-stream',
      'content-length': String(content.size),
      'accept-ranges': 'bytes',
      'cache-control': 'max-age=31536000',
    };
    for (const digest of [content.digest, encodeURIComponent(content.digest), `${content.digest}/`]) {
      const response = await ask(blobUrl(digest));
      expect(response).toMatchObject({ status: 200, headers });
      expect(response.body.equals(bytesOf(content))).toBe(true);
      const head = await ask(blobUrl(digest), { method: 'HEAD' });
      expect(head).toMatchObject({ status: 200, headers, body: Buffer.alloc(0) });
    }
  });

  it.each([
    ['bytes=0-0', 0, 1],
    ['bytes=3-6', 3, 7],
    ['bytes=8-', 8, 10],
    ['bytes=8-9223372036854775807', 8, 10],
    ['bytes=-3', 7, 10],
    ['bytes=-300', 0, 10],
    ['bytes=4-5,90-99', 4, 6],
  ])('comes in part: %s', async (range, start, end) => {
    const { status, headers, body } = await ask(blobUrl(small.digest), { headers: { range } });
    expect([status, body.toString()]).toEqual([206, '0123456789'.slice(start, end)]);
    expect(headers).toMatchObject({
      'content-range': `bytes ${start}-${end - 1}/10`,
      'content-length': String(end - start),
      'content-type': 'application/octet-stream',
      'docker-content-digest': small.digest,
      etag: `"${small.digest}"`,
    });
  });

  it('on disk comes in part', async () => {
    const response = await ask(blobUrl(large.digest), { headers: { range: 'bytes=65530-200000' } });
    expect(response.status).toBe(206);
    expect(response.body.equals(Buffer.concat([...large.read(65_530, 200_001)]))).toBe(true);
  });

  it.each([
    [
      'small',
      small,
      'bytes=0-1,4-4,-2',
      [
        [0, 2],
        [4, 5],
        [8, 10],
      ],
    ],
    [
      'on disk',
      large,
      'bytes=299990-,0-0,70000-140000',
      [
        [299_990, 300_000],
        [0, 1],
        [70_000, 140_001],
      ],
    ],
  ] as const)('that is %s comes in several parts, in the order asked for', async (_, content, range, expected) => {
    const response = await ask(blobUrl(content.digest), { headers: { range } });
    expect(response.status).toBe(206);
    expect(response.headers).not.toHaveProperty('content-range');
    expect(response.headers['content-length']).toBe(String(response.body.length));
    const parts = readParts(response);
    expect(parts.map(({ contentType }) => contentType)).toEqual(expected.map(() => 'application/octet-stream'));
    expect(parts.map(({ contentRange }) => contentRange)).toEqual(
      expected.map(([start, end]) => `bytes ${start}-${end - 1}/${content.size}`),
    );
    for (const [i, [start, end]] of expected.entries()) {
      expect(parts[i]?.body.equals(Buffer.concat([...content.read(start, end)]))).toBe(true);
    }
  });

  it('comes in as many parts as clients of zstd:chunked layers request', async () => {
    const wanted = Array.from({ length: 1024 }, (_, i) => `${100_000 + i * 100}-${100_000 + i * 100 + 9}`);
    const response = await ask(blobUrl(large.digest), { headers: { range: `bytes=${wanted.join(',')}` } });
    expect(response.status).toBe(206);
    expect(Buffer.concat(readParts(response).map(({ body }) => body)).length).toBe(10 * 1024);
  });

  it.each([
    ['more ranges than podman ever sends', Array.from({ length: 1025 }, (_, i) => `${i * 100}-${i * 100 + 9}`)],
    ['three ranges that overlap', ['0-9', '5-14', '7-20']],
  ])('that is %s comes complete, once', async (_, wanted) => {
    const response = await ask(blobUrl(large.digest), { headers: { range: `bytes=${wanted.join(',')}` } });
    expect([response.status, response.body.length, digestOf(response.body)]).toEqual([200, large.size, large.digest]);
    expect(response.headers).not.toHaveProperty('content-range');
  });

  it.each(['bytes=10-', 'bytes=90-99', 'bytes=-0', 'bytes=5-2', 'bytes=x', 'bytes=0-1=2'])(
    'has no such part: %s',
    async (range) => {
      const response = await ask(blobUrl(small.digest), { headers: { range } });
      expect(errorOf(response)).toEqual([416, 'RANGE_INVALID']);
      expect(response.headers['content-range']).toBe('bytes */10');
    },
  );

  it.each(['items=0-1', 'bytes=0-,0-,0-'])('comes complete for %s', async (range) => {
    const response = await ask(blobUrl(small.digest), { headers: { range } });
    expect([response.status, response.body.toString()]).toEqual([200, '0123456789']);
  });

  it('that is empty comes complete for any range', async () => {
    expect((await ask(blobUrl(empty.digest), { headers: { range: 'bytes=0-' } })).status).toBe(200);
  });

  it.each([
    [`"${small.digest}"`, 206],
    [`W/"${small.digest}"`, 200],
    [`"${unknown}"`, 200],
    ['Sat, 29 Oct 1994 19:43:31 GMT', 200],
  ])('with If-Range: %s gets %i', async (ifRange, status) => {
    const response = await ask(blobUrl(small.digest), { headers: { range: 'bytes=2-3', 'if-range': ifRange } });
    expect([response.status, response.body.toString()]).toEqual([status, status === 206 ? '23' : '0123456789']);
  });

  it('has no parts for HEAD: RFC 9110, section 14.2', async () => {
    const { status, headers } = await ask(blobUrl(small.digest), { method: 'HEAD', headers: { range: 'bytes=0-1' } });
    expect([status, headers['content-length']]).toEqual([200, '10']);
  });

  it.each(['GET', 'HEAD'])('is not sent again to a client that has it, by %s, even for a range', async (method) => {
    const headers = { 'if-none-match': `"${small.digest}"`, range: 'bytes=50-60' };
    const response = await ask(blobUrl(small.digest), { method, headers });
    expect(response).toMatchObject({ status: 304, body: Buffer.alloc(0) });
    expect(response.headers).toMatchObject({ etag: `"${small.digest}"`, 'cache-control': 'max-age=31536000' });
  });

  it.each(['GET', 'HEAD'])('is refused by %s to a client whose If-Match names another one', async (method) => {
    const response = await ask(blobUrl(small.digest), { method, headers: { 'if-match': `"${unknown}"` } });
    expect(response.status).toBe(412);
  });

  it('of another repository is unknown', async () => {
    expect(errorOf(await ask(`${v2}/many/blobs/${small.digest}`))).toEqual([404, 'BLOB_UNKNOWN']);
    expect((await ask(`${v2}/many/blobs/${small.digest}`, { method: 'HEAD' })).status).toBe(404);
  });
});
