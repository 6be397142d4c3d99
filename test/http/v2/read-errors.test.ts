import { rm, writeFile } from 'node:fs/promises';

import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

import { Layover } from '../../support/layover.ts';
import { ask, errorOf } from './ask.ts';
import { app, type ReadScene, small, startReadScene } from './read-scene.ts';

let scene: ReadScene;
let v2: string;

beforeAll(async () => {
  scene = await startReadScene({ storage: { maintenance: { readonly: { enabled: true } } } });
  v2 = `${scene.layover.url}/v2`;
});

afterAll(() => scene[Symbol.asyncDispose]());

describe('a request that is wrong', () => {
  it.each([
    ['/v2/Team/manifests/1', 400, 'NAME_INVALID'],
    ['/v2/../manifests/1', 400, 'NAME_INVALID'],
    ['/v2/%2e%2e/a/manifests/1', 400, 'NAME_INVALID'],
    ['/v2/a/../b/manifests/1', 400, 'NAME_INVALID'],
    ['/v2/a%/manifests/1', 400, 'NAME_INVALID'],
    [`/v2/${'n'.repeat(256)}/manifests/1`, 400, 'NAME_INVALID'],
    ['/v2/team/app/manifests/-', 404, 'MANIFEST_UNKNOWN'],
    ['/v2/team/app/manifests/.INVALID_MANIFEST_NAME', 404, 'MANIFEST_UNKNOWN'],
    ['/v2/team/app/manifests/sha256:1', 400, 'DIGEST_INVALID'],
    ['/v2/team/app/blobs/1', 400, 'DIGEST_INVALID'],
    ['/v2/team/app', 404, 'UNSUPPORTED'],
    ['/v2/_search', 404, 'UNSUPPORTED'],
  ])('gets an error of the spec: %s', async (path, status, code) => {
    const response = await ask(`${scene.layover.url}${path}`);
    expect(errorOf(response)).toEqual([status, code]);
    expect(response.headers).toMatchObject({
      'content-type': 'application/json',
      'docker-distribution-api-version': 'registry/2.0',
    });
  });

  it('for an invalid tag gets the response for an unknown one, by GET and HEAD', async () => {
    for (const tag of ['.INVALID_MANIFEST_NAME', 'a+b', 'x'.repeat(129), '%0d%0aa', '%00']) {
      const url = `${v2}/team/app/manifests/${tag}`;
      expect([tag, ...errorOf(await ask(url))]).toEqual([tag, 404, 'MANIFEST_UNKNOWN']);
      expect([tag, (await ask(url, { method: 'HEAD' })).status]).toEqual([tag, 404]);
    }
  });

  it.each([
    ['POST', ''],
    ['PROPFIND', 'many/tags/list'],
  ])('%s %s is not allowed, and the response lists allowed methods', async (method, path) => {
    const response = await ask(`${v2}/${path}`, { method });
    expect(errorOf(response)).toEqual([405, 'UNSUPPORTED']);
    expect(response.headers.allow).toBe('GET, HEAD, OPTIONS');
  });
});

describe('a registry that is read-only', () => {
  let readOnly: ReadScene;
  beforeAll(async () => {
    readOnly = await startReadScene({ storage: { maintenance: { readonly: { enabled: true } } } });
  });
  afterAll(() => readOnly[Symbol.asyncDispose]());

  it.each([
    ['PUT', 'team/app/manifests/1'],
    ['DELETE', `team/app/manifests/${app.digest}`],
    ['DELETE', `team/app/blobs/${small.digest}`],
    ['POST', 'team/app/blobs/uploads/'],
    ['POST', 'team/app/blobs/uploads'],
    ['PATCH', 'team/app/blobs/uploads/1'],
    ['PUT', `team/app/blobs/uploads/1?digest=${small.digest}`],
    ['GET', `team/app/blobs/uploads/1`],
  ])('refuses %s %s, and lists the allowed methods', async (method, path) => {
    const response = await ask(`${readOnly.layover.url}/v2/${path}`, { method });
    expect(errorOf(response)).toEqual([405, 'UNSUPPORTED']);
    expect(response.headers.allow).toBe('GET, HEAD, OPTIONS');
  });
});

it.each(['', 'team/app/manifests/1', 'many/tags/list'])(
  'OPTIONS of "%s" says which methods there are',
  async (path) => {
    const response = await ask(`${v2}/${path}`, { method: 'OPTIONS' });
    expect(response).toMatchObject({ status: 200, body: Buffer.alloc(0) });
    expect(response.headers.allow).toMatch(/^GET, HEAD, OPTIONS/);
  },
);

describe('with configuration', () => {
  it('the API is below a prefix, links to it, and has more headers', async () => {
    const http = { prefix: '/registry/', headers: { 'X-Content-Type-Options': ['nosniff'], 'X-Two': ['a', 'b'] } };
    await using other = await Layover.start({ dataDirectory: scene.layover.dataDirectory, config: { http } });
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
    const down = scene.temporaryPath('down');
    const health = { file: [{ file: down, interval: '10ms' }] };
    await using other = await Layover.start({ dataDirectory: scene.layover.dataDirectory, config: { health } });
    expect((await ask(`${other.url}/v2/`)).status).toBe(200);
    await writeFile(down, '');
    await vi.waitFor(async () => expect((await ask(`${other.url}/v2/`)).status).toBe(503), 20_000);
    expect(errorOf(await ask(`${other.url}/v2/many/manifests/v0`))).toEqual([503, 'UNAVAILABLE']);
    await rm(down);
    await vi.waitFor(async () => expect((await ask(`${other.url}/v2/`)).status).toBe(200), 20_000);
  });
});
