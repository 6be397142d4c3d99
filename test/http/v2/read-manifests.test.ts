import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { Manifest } from '../../support/images.ts';
import { ask, errorOf } from './ask.ts';
import { app, DEEP, deep, docker, index, LONG_NAME, type ReadScene, startReadScene, unknown } from './read-scene.ts';

let scene: ReadScene;
let v2: string;

beforeAll(async () => {
  scene = await startReadScene();
  v2 = `${scene.layover.url}/v2`;
});

afterAll(() => scene[Symbol.asyncDispose]());

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
  it.each(['/', ''])('responds at /v2%s', async (slash) => {
    const response = await ask(`${v2}${slash}`);
    expect(response).toMatchObject({ status: 200, body: Buffer.from('{}') });
    expect(response.headers).toMatchObject({
      'docker-distribution-api-version': 'registry/2.0',
      'content-type': 'application/json',
      'content-length': '2',
    });
  });

  it('responds to HEAD without a body', async () => {
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
  ])('%s comes unchanged, with its own media type', async (_, repository, reference, manifest) => {
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
      const response = await ask(`${v2}/team/app/manifests/${tag}`, { headers });
      expect([response.status, response.headers['content-type']]).toEqual([200, mediaType]);
      expect(response.body).toEqual(bytes);
    }
  });

  it.each([`"${app.digest}"`, app.digest, `W/"${app.digest}"`, `"other", "${app.digest}"`, '*'])(
    'is not sent again to a client that has it: %s',
    async (tag) => {
      for (const method of ['GET', 'HEAD']) {
        const response = await ask(`${v2}/team/app/manifests/1`, { method, headers: { 'if-none-match': tag } });
        expect(response).toMatchObject({ status: 304, body: Buffer.alloc(0) });
        expect(response.headers.etag).toBe(`"${app.digest}"`);
      }
    },
  );

  it('is sent to a client that has another one', async () => {
    const response = await ask(`${v2}/team/app/manifests/1`, { headers: { 'if-none-match': `"${docker.digest}"` } });
    expect(response.status).toBe(200);
  });

  it.each([`"${unknown}"`, unknown, '*'])('that does not exist is never "not modified": %s', async (tag) => {
    const headers = { 'if-none-match': tag };
    expect(errorOf(await ask(`${v2}/team/app/manifests/${unknown}`, { headers }))).toEqual([404, 'MANIFEST_UNKNOWN']);
    expect(errorOf(await ask(`${v2}/team/app/blobs/${unknown}`, { headers }))).toEqual([404, 'BLOB_UNKNOWN']);
  });

  it('is refused to a client whose If-Match names another one', async () => {
    const url = `${v2}/team/app/manifests/1`;
    expect((await ask(url, { headers: { 'if-match': `"${unknown}"` } })).status).toBe(412);
    expect((await ask(url, { headers: { 'if-match': `"${app.digest}"` } })).status).toBe(200);
  });

  it('of another repository is unknown', async () => {
    const response = await ask(`${v2}/many/manifests/${app.digest}`);
    expect(errorOf(response)).toEqual([404, 'MANIFEST_UNKNOWN']);
    expect(response.headers['content-type']).toBe('application/json');
  });

  it('that is unknown has a length but no body for HEAD', async () => {
    const { status, headers, body } = await ask(`${v2}/team/app/manifests/none`, { method: 'HEAD' });
    expect([status, body.length, Number(headers['content-length']) > 0]).toEqual([404, 0, true]);
  });
});
