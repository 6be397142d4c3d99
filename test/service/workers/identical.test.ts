import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { digestOf } from '../../../src/oci/digest.ts';
import { sharedHub } from '../../integration/scene.ts';
import type { Layover } from '../../support/layover.ts';
import { atEachWorker, exchangeRaw, image, images, largeBlob, smallBlob, startWithWorkers } from './scene.ts';

const hub = sharedHub(images);
let alone: Layover;
let withWorkers: Layover;

beforeAll(async () => {
  [alone, withWorkers] = await Promise.all([
    startWithWorkers(hub(), { workers: 1, http: { headers: { 'X-Extra': ['one', 'two'] } } }),
    startWithWorkers(hub(), { workers: 2, http: { headers: { 'X-Extra': ['one', 'two'] } } }),
  ]);
  for (const layover of [alone, withWorkers]) {
    for (const { digest } of [smallBlob, largeBlob]) {
      await exchangeRaw(layover.port, request(`GET ${APP}/blobs/${digest}`));
    }
    await layover.settled();
  }
});
afterAll(async () => {
  await alone?.[Symbol.asyncDispose]();
  await withWorkers?.[Symbol.asyncDispose]();
});

/** Times, random names and signed states differ between any two responses. */
function comparable(response: string): string {
  return (
    response
      .replace(/^Date: .*$/m, 'Date')
      // The upstream's own text: its responses to HEAD have none.
      .replace(/docker\.io: 404[^"]*/, 'docker.io: 404')
      .replace(/^content-length: \d+(?=[^]*docker\.io: 404)/im, 'content-length: some')
      .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, 'UUID')
      .replaceAll(/_state=[\w%.=-]+/g, '_state=STATE')
      .replaceAll(/(boundary=|--)[0-9a-f]{32}/g, '$1BOUNDARY')
      .replaceAll(/^(\r?\n?)[0-9a-f]+\r\n(?=\{)/gm, '$1LENGTH\r\n')
  );
}

/** Often enough that each worker has forwarded it, and has served it itself. */
async function responsesOf(layover: Layover, text: string): Promise<string[]> {
  return (await atEachWorker(6, () => exchangeRaw(layover.port, text))).map(comparable);
}

const APP = '/v2/library/app';
const PUSHED = Buffer.from('a pushed blob');
const PUSHED_DIGEST = digestOf(PUSHED);

/** A request on a connection of its own. */
function request(line: string, headers: readonly string[] = [], body = ''): string {
  return `${line} HTTP/1.1\r\n${['Host: layover', ...headers, 'Connection: close'].join('\r\n')}\r\n\r\n${body}`;
}

const REQUESTS: Readonly<Record<string, string>> = {
  'GET /v2/': request('GET /v2/'),
  'a manifest by tag': request(`GET ${APP}/manifests/1`),
  'a manifest by digest': request(`GET ${APP}/manifests/${image.digest}`),
  'a manifest by ns': request(`GET ${APP}/manifests/1?ns=docker.io`),
  'HEAD of a manifest': request(`HEAD ${APP}/manifests/1`),
  'a manifest that the client has': request(`GET ${APP}/manifests/1`, [`If-None-Match: "${image.digest}"`]),
  'a manifest that is not the one the client wants': request(`GET ${APP}/manifests/1`, ['If-Match: "other"']),
  'a manifest for a browser': request(`GET ${APP}/manifests/1`, ['Sec-Fetch-Dest: document']),
  'an unknown manifest': request(`GET ${APP}/manifests/none`),
  'an invalid tag': request(`GET ${APP}/manifests/..`),
  'a small blob': request(`GET ${APP}/blobs/${smallBlob.digest}`),
  'HEAD of a small blob': request(`HEAD ${APP}/blobs/${smallBlob.digest}`),
  'a large blob': request(`GET ${APP}/blobs/${largeBlob.digest}`),
  'HEAD of a large blob': request(`HEAD ${APP}/blobs/${largeBlob.digest}`),
  'a range': request(`GET ${APP}/blobs/${largeBlob.digest}`, ['Range: bytes=100-299']),
  'two ranges': request(`GET ${APP}/blobs/${largeBlob.digest}`, ['Range: bytes=0-9, 100000-100019']),
  'a range of a small blob': request(`GET ${APP}/blobs/${smallBlob.digest}`, ['Range: bytes=-10']),
  'no such range': request(`GET ${APP}/blobs/${largeBlob.digest}`, ['Range: bytes=900000-']),
  'a range of another version': request(`GET ${APP}/blobs/${largeBlob.digest}`, [
    'Range: bytes=0-9',
    'If-Range: "other"',
  ]),
  'a blob that the client has': request(`GET ${APP}/blobs/${largeBlob.digest}`, [
    `If-None-Match: "${largeBlob.digest}"`,
  ]),
  'an unknown blob': request(`GET ${APP}/blobs/sha256:${'0'.repeat(64)}`),
  'HEAD of an unknown blob': request(`HEAD ${APP}/blobs/sha256:${'0'.repeat(64)}`),
  'double slashes': request(`GET /v2//library/app/manifests/1`),
  'encoded slashes': request(`GET /v2/library%2fapp/manifests/1`),
  'an absolute URL': request(`GET http://layover${APP}/manifests/1`),
  'a GET with a body': request(`GET ${APP}/manifests/1`, ['Content-Length: 4'], 'body'),
  'a GET with a chunked body': request(
    `GET ${APP}/manifests/1`,
    ['Transfer-Encoding: chunked'],
    '4\r\nbody\r\n0\r\n\r\n',
  ),
  'HTTP/1.0': `GET ${APP}/manifests/1 HTTP/1.0\r\n\r\n`,
  'HTTP/1.0 with a host': `GET ${APP}/blobs/${largeBlob.digest} HTTP/1.0\r\nHost: layover\r\n\r\n`,
  'HTTP/1.1 without a host': `GET ${APP}/manifests/1 HTTP/1.1\r\nConnection: close\r\n\r\n`,
  'two hosts': `GET ${APP}/manifests/1 HTTP/1.1\r\nHost: layover\r\nHost: other\r\nConnection: close\r\n\r\n`,
  'an impossible host': `GET ${APP}/manifests/1 HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n`,
  referrers: request(`GET ${APP}/referrers/${image.digest}`),
  'tags of a repository': request(`GET ${APP}/tags/list`),
  'the catalog': request('GET /v2/_catalog'),
  OPTIONS: request(`OPTIONS ${APP}/manifests/1`),
  'an unknown method': request(`PROPFIND ${APP}/manifests/1`),
  CONNECT: request('CONNECT layover:443'),
  'a page': request('GET /'),
  'an unknown page': request('GET /nowhere'),
  readiness: request('GET /readyz'),
  'a write to an upstream': request(`PUT ${APP}/manifests/1`, ['Content-Length: 2'], '{}'),
  'the start of an upload': request('POST /v2/team/app/blobs/uploads/'),
  'a whole upload': request(
    `POST /v2/team/app/blobs/uploads/?digest=${PUSHED_DIGEST}`,
    [`Content-Length: ${PUSHED.length}`],
    PUSHED.toString(),
  ),
  'a chunked upload': request(
    `POST /v2/team/app/blobs/uploads/?digest=${PUSHED_DIGEST}`,
    ['Transfer-Encoding: chunked'],
    `${PUSHED.length.toString(16)}\r\n${PUSHED.toString()}\r\n0\r\n\r\n`,
  ),
  'an upload after 100-continue': request(
    `POST /v2/team/app/blobs/uploads/?digest=${PUSHED_DIGEST}`,
    [`Content-Length: ${PUSHED.length}`, 'Expect: 100-continue'],
    PUSHED.toString(),
  ),
  'an upload with a wrong digest': request(
    `POST /v2/team/app/blobs/uploads/?digest=sha256:${'0'.repeat(64)}`,
    [`Content-Length: ${PUSHED.length}`],
    PUSHED.toString(),
  ),
  'an unknown upload': request('PATCH /v2/team/app/blobs/uploads/none', ['Content-Length: 1'], 'x'),
  'a manifest that is not one': request('PUT /v2/team/app/manifests/1', ['Content-Length: 3'], 'no!'),
  'a manifest that is too large': request(
    'PUT /v2/team/app/manifests/1',
    [`Content-Length: ${5 * 1024 * 1024}`],
    'x'.repeat(5 * 1024 * 1024),
  ),
  'a hosted blob': request(`GET /v2/team/app/blobs/${PUSHED_DIGEST}`),
  'HEAD of a hosted blob': request(`HEAD /v2/team/app/blobs/${PUSHED_DIGEST}`),
  'a deletion of what is not there': request('DELETE /v2/team/app/manifests/none'),
  'not HTTP': 'hello\r\n\r\n',
  'a header that is too large': request(`GET ${APP}/manifests/1`, [`X-Large: ${'x'.repeat(70_000)}`]),
  'a large header': request(`GET ${APP}/manifests/1`, [`X-Large: ${'x'.repeat(60_000)}`]),
  'two lengths': request(`PUT /v2/team/app/manifests/1`, ['Content-Length: 3', 'Content-Length: 4'], 'abcd'),
  'a length and chunks': request(
    `PUT /v2/team/app/manifests/1`,
    ['Content-Length: 3', 'Transfer-Encoding: chunked'],
    '0\r\n\r\n',
  ),
  'an unknown transfer encoding': request(`PUT /v2/team/app/manifests/1`, ['Transfer-Encoding: xchunked'], '0\r\n\r\n'),
};

describe('a response of a service with workers is the same as of one process', () => {
  it.each(Object.entries(REQUESTS))('%s', async (_name, text) => {
    // The first responses depend on what is cached; the last two are those of a warm cache, by each worker.
    const [expected, actual] = await Promise.all([responsesOf(alone, text), responsesOf(withWorkers, text)]);
    expect(actual.slice(-2)).toEqual(expected.slice(-2));
    expect(actual[0]?.split('\r\n', 1)).toEqual(expected[0]?.split('\r\n', 1));
  });
});
