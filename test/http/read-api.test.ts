import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

import { digestOf } from '../../src/oci/digest.ts';
import { bytesContent, seededContent } from '../support/content.ts';
import { writeDistributionLayout } from '../support/distribution-layout.ts';
import { Images, type Manifest } from '../support/images.ts';
import { Layover } from '../support/layover.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../support/temporary-directory.ts';
import { ask, errorOf, json } from './ask.ts';
import { readParts } from './multipart.ts';

const images = new Images();
const app = images.addImage('team/app', '1', { layers: [200_000] });
const index = images.addIndex('team/app', 'multi');
const docker = images.addImage('team/app', 'docker', { family: 'docker' });
const signature = images.addArtifact('team/app', app, 'application/vnd.example.signature', 'signed');
const sbom = images.addArtifact('team/app', app, 'application/vnd.example.sbom', 'made of');
const small = images.addBlob('team/app', bytesContent(Buffer.from('0123456789')));
const large = images.addBlob('team/app', seededContent('large', 300_000));
const long = images.addBlob('team/app', bytesContent(Buffer.from('long digest'), 'sha512'));
const empty = images.addBlob('team/app', bytesContent(Buffer.alloc(0)));
const DEEP = 'a/blobs/uploads/tags/list/manifests/b';
const deep = images.addImage(DEEP, 'list');
const LONG_NAME = `${'n'.repeat(200)}/${'m'.repeat(54)}`;
images.addImage(LONG_NAME, '1');
const TAGS = Array.from({ length: 7 }, (_, i) => `v${i}`);
for (const tag of TAGS) images.addImage('many', tag);
const unknown = digestOf(Buffer.from('nobody has this'));

let directory: TemporaryDirectory;
let layover: Layover;
let v2: string;

beforeAll(async () => {
  directory = await temporaryDirectory();
  const dataDirectory = join(directory.path, 'data');
  await writeDistributionLayout(dataDirectory, images);
  layover = await Layover.start({ dataDirectory });
  v2 = `${layover.url}/v2`;
});

afterAll(async () => {
  await layover[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
});

const bytesOf = (content: { read(): Iterable<Buffer> }) => Buffer.concat([...content.read()]);

function manifestHeaders({ digest, mediaType, bytes }: Manifest) {
  return {
    'docker-distribution-api-version': 'registry/2.0',
    'docker-content-digest': digest,
    etag: `"${digest}"`,
    'content-type': mediaType,
    'content-length': String(bytes.length),
    'x-cache': 'HIT',
  };
}

describe('the root of the API', () => {
  it.each(['/', ''])('answers at /v2%s', async (slash) => {
    const answer = await ask(`${v2}${slash}`);
    expect(answer).toMatchObject({ status: 200, body: Buffer.from('{}') });
    expect(answer.headers).toMatchObject({
      'docker-distribution-api-version': 'registry/2.0',
      'content-type': 'application/json',
      'content-length': '2',
    });
  });

  it('answers HEAD without a body', async () => {
    const { status, headers, body } = await ask(`${v2}/`, { method: 'HEAD' });
    expect([status, headers['content-length'], body.length]).toEqual([200, '2', 0]);
  });
});

describe('a manifest', () => {
  it.each([
    ['by tag', 'team/app', '1', app],
    ['by digest', 'team/app', app.digest, app],
    ['by percent-encoded digest', 'team/app', encodeURIComponent(app.digest), app],
    ['with a slash behind', 'team/app', '1/', app],
    ['that is an index', 'team/app', 'multi', index],
    ['of an index', 'team/app', index.images.arm64.digest, index.images.arm64],
    ['of Docker', 'team/app', 'docker', docker],
    ['of a repository whose name looks like endpoints', DEEP, 'list', deep],
  ])('%s comes as it is, with its own media type', async (_, repository, reference, manifest) => {
    const url = `${v2}/${repository}/manifests/${reference}`;
    const got = await ask(url);
    expect(got.status).toBe(200);
    expect(got.body).toEqual(manifest.bytes);
    expect(got.headers).toMatchObject(manifestHeaders(manifest));
    const head = await ask(url, { method: 'HEAD' });
    expect(head).toMatchObject({ status: 200, body: Buffer.alloc(0), headers: manifestHeaders(manifest) });
  });

  it('is found in a repository whose name has 255 characters', async () => {
    expect((await ask(`${v2}/${LONG_NAME}/manifests/1`)).status).toBe(200);
  });

  it.each([undefined, '*/*', docker.mediaType, 'text/html', ''])('is not hidden from Accept: %s', async (accept) => {
    const headers = accept === undefined ? {} : { accept };
    for (const [tag, { mediaType, bytes }] of Object.entries({ 1: app, multi: index, docker })) {
      const answer = await ask(`${v2}/team/app/manifests/${tag}`, { headers });
      expect([answer.status, answer.headers['content-type']]).toEqual([200, mediaType]);
      expect(answer.body).toEqual(bytes);
    }
  });

  it.each([`"${app.digest}"`, app.digest, `W/"${app.digest}"`, `"other", "${app.digest}"`, '*'])(
    'is not sent again to a client that has it: %s',
    async (tag) => {
      for (const method of ['GET', 'HEAD']) {
        const answer = await ask(`${v2}/team/app/manifests/1`, { method, headers: { 'if-none-match': tag } });
        expect(answer).toMatchObject({ status: 304, body: Buffer.alloc(0) });
        expect(answer.headers.etag).toBe(`"${app.digest}"`);
      }
    },
  );

  it('is sent to a client that has another one', async () => {
    const answer = await ask(`${v2}/team/app/manifests/1`, { headers: { 'if-none-match': `"${docker.digest}"` } });
    expect(answer.status).toBe(200);
  });

  it.each([`"${unknown}"`, unknown, '*'])('that does not exist is never "not modified": %s', async (tag) => {
    const headers = { 'if-none-match': tag };
    expect(errorOf(await ask(`${v2}/team/app/manifests/${unknown}`, { headers }))).toEqual([404, 'MANIFEST_UNKNOWN']);
    expect(errorOf(await ask(`${v2}/team/app/blobs/${unknown}`, { headers }))).toEqual([404, 'BLOB_UNKNOWN']);
  });

  it('is refused to a client that asked for another one only', async () => {
    const url = `${v2}/team/app/manifests/1`;
    expect((await ask(url, { headers: { 'if-match': `"${unknown}"` } })).status).toBe(412);
    expect((await ask(url, { headers: { 'if-match': `"${app.digest}"` } })).status).toBe(200);
  });

  it('of another repository is unknown', async () => {
    const answer = await ask(`${v2}/many/manifests/${app.digest}`);
    expect(errorOf(answer)).toEqual([404, 'MANIFEST_UNKNOWN']);
    expect(answer.headers['content-type']).toBe('application/json');
  });

  it('that is unknown has a length but no body for HEAD', async () => {
    const { status, headers, body } = await ask(`${v2}/team/app/manifests/none`, { method: 'HEAD' });
    expect([status, body.length, Number(headers['content-length']) > 0]).toEqual([404, 0, true]);
  });
});

describe('a blob', () => {
  const blobUrl = (digest: string) => `${v2}/team/app/blobs/${digest}`;

  it.each([
    ['small', small],
    ['larger than what is kept in memory', large],
    ['under a sha512 digest', long],
    ['empty', empty],
  ])('that is %s comes whole', async (_, content) => {
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
      const answer = await ask(blobUrl(digest));
      expect(answer).toMatchObject({ status: 200, headers });
      expect(answer.body.equals(bytesOf(content))).toBe(true);
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

  it('that lies on disk comes in part', async () => {
    const answer = await ask(blobUrl(large.digest), { headers: { range: 'bytes=65530-200000' } });
    expect(answer.status).toBe(206);
    expect(answer.body.equals(Buffer.concat([...large.read(65_530, 200_001)]))).toBe(true);
  });

  it.each([
    ['small', small, 'bytes=0-1,4-4,-2', [[0, 2], [4, 5], [8, 10]]],
    ['on disk', large, 'bytes=299990-,0-0,70000-140000', [[299_990, 300_000], [0, 1], [70_000, 140_001]]],
  ] as const)('that is %s comes in several parts, in the order asked for', async (_, content, range, expected) => {
    const answer = await ask(blobUrl(content.digest), { headers: { range } });
    expect(answer.status).toBe(206);
    expect(answer.headers).not.toHaveProperty('content-range');
    expect(answer.headers['content-length']).toBe(String(answer.body.length));
    const parts = readParts(answer);
    expect(parts.map(({ contentType }) => contentType)).toEqual(expected.map(() => 'application/octet-stream'));
    expect(parts.map(({ contentRange }) => contentRange)).toEqual(
      expected.map(([start, end]) => `bytes ${start}-${end - 1}/${content.size}`),
    );
    for (const [i, [start, end]] of expected.entries()) {
      expect(parts[i]?.body.equals(Buffer.concat([...content.read(start, end)]))).toBe(true);
    }
  });

  it('can be asked for as many parts as clients of zstd:chunked layers want', async () => {
    const wanted = Array.from({ length: 1024 }, (_, i) => `${100_000 + i * 100}-${100_000 + i * 100 + 9}`);
    const answer = await ask(blobUrl(large.digest), { headers: { range: `bytes=${wanted.join(',')}` } });
    expect(answer.status).toBe(206);
    expect(Buffer.concat(readParts(answer).map(({ body }) => body)).length).toBe(10 * 1024);
  });

  it.each(['bytes=10-', 'bytes=90-99', 'bytes=-0', 'bytes=5-2', 'bytes=x', 'bytes=0-1=2'])(
    'has no such part: %s',
    async (range) => {
      const answer = await ask(blobUrl(small.digest), { headers: { range } });
      expect(errorOf(answer)).toEqual([416, 'RANGE_INVALID']);
      expect(answer.headers['content-range']).toBe('bytes */10');
    },
  );

  it.each(['items=0-1', 'bytes=0-,0-,0-'])('comes whole for %s', async (range) => {
    const answer = await ask(blobUrl(small.digest), { headers: { range } });
    expect([answer.status, answer.body.toString()]).toEqual([200, '0123456789']);
  });

  it('that is empty comes whole, whatever part of it is asked for', async () => {
    expect((await ask(blobUrl(empty.digest), { headers: { range: 'bytes=0-' } })).status).toBe(200);
  });

  it.each([
    [`"${small.digest}"`, 206],
    [`W/"${small.digest}"`, 200],
    [`"${unknown}"`, 200],
    ['Sat, 29 Oct 1994 19:43:31 GMT', 200],
  ])('with If-Range: %s is answered with %i', async (ifRange, status) => {
    const answer = await ask(blobUrl(small.digest), { headers: { range: 'bytes=2-3', 'if-range': ifRange } });
    expect([answer.status, answer.body.toString()]).toEqual([status, status === 206 ? '23' : '0123456789']);
  });

  it('has no parts for HEAD: RFC 9110, section 14.2', async () => {
    const { status, headers } = await ask(blobUrl(small.digest), { method: 'HEAD', headers: { range: 'bytes=0-1' } });
    expect([status, headers['content-length']]).toEqual([200, '10']);
  });

  it.each(['GET', 'HEAD'])('is not sent again to a client that has it, by %s, even for a range', async (method) => {
    const headers = { 'if-none-match': `"${small.digest}"`, range: 'bytes=50-60' };
    const answer = await ask(blobUrl(small.digest), { method, headers });
    expect(answer).toMatchObject({ status: 304, body: Buffer.alloc(0) });
    expect(answer.headers).toMatchObject({ etag: `"${small.digest}"`, 'cache-control': 'max-age=31536000' });
  });

  it.each(['GET', 'HEAD'])('is refused by %s to a client that asked for another one only', async (method) => {
    const answer = await ask(blobUrl(small.digest), { method, headers: { 'if-match': `"${unknown}"` } });
    expect(answer.status).toBe(412);
  });

  it('of another repository is unknown', async () => {
    expect(errorOf(await ask(`${v2}/many/blobs/${small.digest}`))).toEqual([404, 'BLOB_UNKNOWN']);
    expect((await ask(`${v2}/many/blobs/${small.digest}`, { method: 'HEAD' })).status).toBe(404);
  });
});

/** Every page, following `Link` from the first. */
async function pages(path: string): Promise<unknown[]> {
  const found: unknown[] = [];
  for (let next: string | undefined = path; next !== undefined; ) {
    const answer = await ask(`${layover.url}${next}`);
    expect(answer.status).toBe(200);
    found.push(json(answer));
    const { link } = answer.headers;
    next = link === undefined ? undefined : /^<(\/[^>]+)>; rel="next"$/.exec(String(link))?.[1];
    if (link !== undefined) expect(next).toMatch(/[?&]ns=registry\.example(&|$)/);
  }
  return found;
}

describe('the tags of a repository', () => {
  it('come all at once, in order', async () => {
    const answer = await ask(`${v2}/many/tags/list`);
    expect(json(answer)).toEqual({ name: 'many', tags: TAGS });
    expect(answer.headers).not.toHaveProperty('link');
  });

  it('come in pages that lead to each other and keep the ns parameter', async () => {
    expect(await pages('/v2/many/tags/list?ns=registry.example&n=3')).toEqual([
      { name: 'many', tags: ['v0', 'v1', 'v2'] },
      { name: 'many', tags: ['v3', 'v4', 'v5'] },
      { name: 'many', tags: ['v6'] },
    ]);
  });

  it.each([
    ['n=0', []],
    ['n=0&last=v3', []],
    ['last=v4', ['v5', 'v6']],
    ['last=v44', ['v5', 'v6']],
    ['n=1&last=v4', ['v5']],
    ['n=7', TAGS],
    ['n=999999999', TAGS],
    ['last=z', []],
  ])('with ?%s', async (query, tags) => {
    expect(json(await ask(`${v2}/many/tags/list?${query}`))).toEqual({ name: 'many', tags });
  });

  it('are listed for a name that looks like endpoints', async () => {
    expect(json(await ask(`${v2}/${DEEP}/tags/list/`))).toEqual({ name: DEEP, tags: ['list'] });
  });

  it('of a repository that is not there are an error', async () => {
    expect(errorOf(await ask(`${v2}/nobody/tags/list`))).toEqual([404, 'NAME_UNKNOWN']);
  });

  it.each(['-1', 'x', '', '1.5', '1e3', '0x1', '%00'])('are refused for n=%s', async (n) => {
    for (const path of ['many/tags/list', '_catalog']) {
      expect(errorOf(await ask(`${v2}/${path}?n=${n}`))).toEqual([400, 'PAGINATION_NUMBER_INVALID']);
    }
  });
});

describe('the catalog', () => {
  const ALL = [DEEP, 'many', LONG_NAME, 'team/app'];

  it('names every repository', async () => {
    expect(json(await ask(`${v2}/_catalog`))).toEqual({ repositories: ALL });
    expect(json(await ask(`${v2}/_catalog/?n=0`))).toEqual({ repositories: [] });
    expect(json(await ask(`${v2}/_catalog?last=many`))).toEqual({ repositories: [LONG_NAME, 'team/app'] });
  });

  it('comes in pages that lead to each other', async () => {
    expect(await pages('/v2/_catalog?n=3&ns=registry.example')).toEqual([
      { repositories: ALL.slice(0, 3) },
      { repositories: ALL.slice(3) },
    ]);
  });

  it('refuses pages beyond its limit', async () => {
    expect(errorOf(await ask(`${v2}/_catalog?n=1001`))).toEqual([400, 'PAGINATION_NUMBER_INVALID']);
  });
});

describe('HEAD', () => {
  it.each(['many/tags/list', '_catalog', `team/app/referrers/${app.digest}`])(
    'of %s has the headers of GET',
    async (path) => {
      const got = await ask(`${v2}/${path}`);
      const { status, headers, body } = await ask(`${v2}/${path}`, { method: 'HEAD' });
      expect([status, body.length]).toEqual([200, 0]);
      expect(headers['content-length']).toBe(String(got.body.length));
      expect(headers['content-type']).toBe(got.headers['content-type']);
    },
  );
});

describe('the referrers of a manifest', () => {
  const INDEX = 'application/vnd.oci.image.index.v1+json';
  const listed = ({ digest, mediaType, bytes }: Manifest, artifactType: string) => ({
    digest,
    mediaType,
    size: bytes.length,
    artifactType,
  });
  const all = [
    listed(signature, 'application/vnd.example.signature'),
    listed(sbom, 'application/vnd.example.sbom'),
  ].sort((a, b) => (a.digest < b.digest ? -1 : 1));

  it('come as an index', async () => {
    const answer = await ask(`${v2}/team/app/referrers/${app.digest}`);
    expect(answer.headers['content-type']).toBe(INDEX);
    expect(answer.headers).not.toHaveProperty('oci-filters-applied');
    expect(json(answer)).toEqual({ schemaVersion: 2, mediaType: INDEX, manifests: all });
  });

  it('come of one type only, when that is asked for', async () => {
    const [artifactType] = ['application/vnd.example.sbom'];
    const url = `${v2}/team/app/referrers/${app.digest}?artifactType=${encodeURIComponent(artifactType)}`;
    const answer = await ask(url);
    expect(answer.headers['oci-filters-applied']).toBe('artifactType');
    expect(json(answer)).toMatchObject({ manifests: [listed(sbom, artifactType)] });
  });

  it.each([`team/app/referrers/${docker.digest}`, `team/app/referrers/${unknown}`, `nobody/referrers/${app.digest}`])(
    'are an empty index where there are none: %s',
    async (path) => {
      const answer = await ask(`${v2}/${path}`);
      expect([answer.status, json(answer)]).toEqual([200, { schemaVersion: 2, mediaType: INDEX, manifests: [] }]);
    },
  );

  it('of what is no digest are an error', async () => {
    expect(errorOf(await ask(`${v2}/team/app/referrers/1`))).toEqual([400, 'DIGEST_INVALID']);
  });
});

describe('a request that is wrong', () => {
  it.each([
    ['/v2/Team/manifests/1', 400, 'NAME_INVALID'],
    ['/v2/../manifests/1', 400, 'NAME_INVALID'],
    ['/v2/%2e%2e/a/manifests/1', 400, 'NAME_INVALID'],
    ['/v2/a/../b/manifests/1', 400, 'NAME_INVALID'],
    ['/v2/a%/manifests/1', 400, 'NAME_INVALID'],
    [`/v2/${'n'.repeat(256)}/manifests/1`, 400, 'NAME_INVALID'],
    ['/v2/team/app/manifests/-', 400, 'TAG_INVALID'],
    ['/v2/team/app/manifests/sha256:1', 400, 'DIGEST_INVALID'],
    ['/v2/team/app/blobs/1', 400, 'DIGEST_INVALID'],
    ['/v2/team/app', 404, 'UNSUPPORTED'],
    ['/v2/_search', 404, 'UNSUPPORTED'],
  ])('gets an error of the spec: %s', async (path, status, code) => {
    const answer = await ask(`${layover.url}${path}`);
    expect(errorOf(answer)).toEqual([status, code]);
    expect(answer.headers).toMatchObject({
      'content-type': 'application/json',
      'docker-distribution-api-version': 'registry/2.0',
    });
  });

  it.each([
    ['PUT', 'team/app/manifests/1'],
    ['DELETE', `team/app/manifests/${app.digest}`],
    ['DELETE', `team/app/blobs/${small.digest}`],
    ['POST', 'team/app/blobs/uploads/'],
    ['POST', 'team/app/blobs/uploads'],
    ['PATCH', 'team/app/blobs/uploads/1'],
    ['PUT', `team/app/blobs/uploads/1?digest=${small.digest}`],
    ['GET', 'team/app/blobs/uploads/1'],
    ['POST', ''],
    ['PROPFIND', 'many/tags/list'],
  ])('%s %s is not allowed, and the answer says what is', async (method, path) => {
    const answer = await ask(`${v2}/${path}`, { method });
    expect(errorOf(answer)).toEqual([405, 'UNSUPPORTED']);
    expect(answer.headers.allow).toBe(path.includes('uploads') ? 'OPTIONS' : 'GET, HEAD, OPTIONS');
  });
});

it.each(['', 'team/app/manifests/1', 'many/tags/list'])('OPTIONS of "%s" says which methods there are', async (path) => {
  const answer = await ask(`${v2}/${path}`, { method: 'OPTIONS' });
  expect(answer).toMatchObject({ status: 200, body: Buffer.alloc(0) });
  expect(answer.headers.allow).toBe('GET, HEAD, OPTIONS');
});

describe('by configuration', () => {
  it('the API lies below a prefix, links to it, and has more headers', async () => {
    const http = { prefix: '/registry/', headers: { 'X-Content-Type-Options': ['nosniff'], 'X-Two': ['a', 'b'] } };
    await using other = await Layover.start({ dataDirectory: layover.dataDirectory, config: { http } });
    const api = `${other.url}/registry/v2`;
    const page = await ask(`${api}/many/tags/list?n=6`);
    expect(page.headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'x-two': 'a, b' });
    expect(page.headers.link).toBe('</registry/v2/many/tags/list?n=6&last=v5>; rel="next"');
    expect((await ask(`${api}/`)).status).toBe(200);
    expect((await ask(`${api}/many/manifests/v0`)).headers['x-two']).toBe('a, b');
    expect((await ask(`${api}/many/manifests/none`)).headers['x-two']).toBe('a, b');
    expect(errorOf(await ask(`${other.url}/v2/`))).toEqual([404, 'UNSUPPORTED']);
    expect((await ask(`${other.url}/registryv2/`)).status).toBe(404);
  });

  it('every request is refused while a health check fails', async () => {
    const down = join(directory.path, 'down');
    const health = { file: [{ file: down, interval: '10ms' }] };
    await using other = await Layover.start({ dataDirectory: layover.dataDirectory, config: { health } });
    expect((await ask(`${other.url}/v2/`)).status).toBe(200);
    await writeFile(down, '');
    await vi.waitFor(async () => expect((await ask(`${other.url}/v2/`)).status).toBe(503), 20_000);
    expect(errorOf(await ask(`${other.url}/v2/many/manifests/v0`))).toEqual([503, 'UNAVAILABLE']);
    await rm(down);
    await vi.waitFor(async () => expect((await ask(`${other.url}/v2/`)).status).toBe(200), 20_000);
  });
});
