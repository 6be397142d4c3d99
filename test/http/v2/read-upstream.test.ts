import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { Hub } from '../../support/hub.ts';
import { Images, type Manifest } from '../../support/images.ts';
import { dockerHubUpstream, Layover } from '../../support/layover.ts';
import { ask, errorOf, json } from './ask.ts';

const images = new Images();
const app = images.addImage('library/app', '1.0');
for (const tag of ['b', 'B', 'a', '2.0']) images.addImage('library/app', tag);
const signature = images.addArtifact('library/app', app, 'application/vnd.example.signature', 'signed');
const INDEX = 'application/vnd.oci.image.index.v1+json';

let hub: Hub;
let layover: Layover;
let v2: string;

beforeAll(async () => {
  hub = await Hub.start(images);
  layover = await Layover.start({ config: { proxy: { upstreams: [dockerHubUpstream(hub)] } } });
  v2 = `${layover.url}/v2`;
});

afterAll(async () => {
  await layover[Symbol.asyncDispose]();
  await hub[Symbol.asyncDispose]();
});

beforeEach(() => {
  hub.faults.clear();
  hub.requests.reset();
});

const listed = ({ digest, mediaType, bytes }: Manifest) => ({ digest, mediaType, size: bytes.length });

describe('the tags of an upstream', () => {
  it('come in order, under the requested name', async () => {
    for (const name of ['app', 'library/app', 'docker.io/app']) {
      const response = await ask(`${v2}/${name}/tags/list`);
      expect(json(response)).toEqual({ name, tags: ['1.0', '2.0', 'B', 'a', 'b'] });
      expect(response.headers).toMatchObject({ 'oci-namespace': 'docker.io', 'x-cache': 'BYPASS' });
    }
  });

  it('come in pages that stay on the upstream', async () => {
    const first = await ask(`${v2}/library/app/tags/list?n=3&ns=docker.io`);
    expect(json(first)).toEqual({ name: 'library/app', tags: ['1.0', '2.0', 'B'] });
    expect(first.headers.link).toBe('</v2/library/app/tags/list?n=3&ns=docker.io&last=B>; rel="next"');
    const second = await ask(`${layover.url}/v2/library/app/tags/list?n=3&ns=docker.io&last=B`);
    expect(json(second)).toEqual({ name: 'library/app', tags: ['a', 'b'] });
    expect(second.headers).not.toHaveProperty('link');
  });

  it('are sorted and limited where the upstream does neither', async () => {
    hub.faults.fail('tags', {
      status: 200,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'library/app', tags: ['c', 'a', 'd', 'b'] }),
    });
    const first = await ask(`${v2}/app/tags/list?n=3`);
    expect(json(first)).toEqual({ name: 'app', tags: ['a', 'b', 'c'] });
    expect(first.headers.link).toBe('</v2/app/tags/list?n=3&last=c>; rel="next"');
    const second = await ask(`${v2}/app/tags/list?n=3&last=c`);
    expect(json(second)).toEqual({ name: 'app', tags: ['d'] });
    expect(second.headers).not.toHaveProperty('link');
    expect(json(await ask(`${v2}/app/tags/list`))).toEqual({ name: 'app', tags: ['a', 'b', 'c', 'd'] });
  });

  it('are not requested from the upstream for n=0', async () => {
    expect(json(await ask(`${v2}/app/tags/list?n=0`))).toEqual({ name: 'app', tags: [] });
    expect(hub.requests.count('tags')).toBe(0);
  });

  it('of an unknown repository are an error', async () => {
    hub.faults.fail('tags', { status: 404, body: '{}' });
    expect(errorOf(await ask(`${v2}/library/none/tags/list`))).toEqual([404, 'NAME_UNKNOWN']);
  });

  it('are the cached ones while the upstream fails', async () => {
    expect((await ask(`${v2}/app/manifests/1.0`)).status).toBe(200);
    hub.faults.fail('tags', { status: 400, body: 'no' });
    const response = await ask(`${v2}/app/tags/list`);
    expect([json(response), response.headers['x-cache']]).toEqual([{ name: 'app', tags: ['1.0'] }, 'STALE']);
  });
});

describe('the referrers of an upstream', () => {
  const url = () => `${v2}/app/referrers/${app.digest}`;

  it('come as an index', async () => {
    const response = await ask(url());
    expect(response.headers).toMatchObject({ 'content-type': INDEX, 'oci-namespace': 'docker.io' });
    expect(json(response)).toMatchObject({ schemaVersion: 2, mediaType: INDEX, manifests: [listed(signature)] });
  });

  it('come of one type only, when it is requested', async () => {
    const of = async (type: string) => json(await ask(`${url()}?artifactType=${encodeURIComponent(type)}`));
    expect(await of('application/vnd.example.signature')).toMatchObject({ manifests: [listed(signature)] });
    expect(await of('application/vnd.example.sbom')).toMatchObject({ manifests: [] });
  });

  it('are an empty index when there are none', async () => {
    const response = await ask(`${v2}/app/referrers/${signature.digest}`);
    expect([response.status, json(response)]).toEqual([200, { schemaVersion: 2, mediaType: INDEX, manifests: [] }]);
  });

  it('include the cached ones, also when the upstream returns none', async () => {
    expect((await ask(`${v2}/app/manifests/${signature.digest}`)).status).toBe(200);
    hub.faults.fail('referrers', { status: 404, body: '404 page not found' });
    expect(json(await ask(url()))).toMatchObject({ manifests: [listed(signature)] });
    hub.faults.clear();
    expect(json(await ask(url()))).toMatchObject({ manifests: [listed(signature)] });
  });
});

describe('a host that is not configured', () => {
  it.each(['evil.example', '127.0.0.1', `localhost`, '', 'docker.io.evil.example', 'docker.io:443'])(
    'is refused as ns=%s, without a request to an upstream',
    async (ns) => {
      for (const path of [
        'app/manifests/1.0',
        `app/blobs/${app.config}`,
        'app/tags/list',
        `app/referrers/${app.digest}`,
      ]) {
        const response = await ask(`${v2}/${path}?ns=${encodeURIComponent(ns)}`);
        expect(errorOf(response)).toEqual([404, 'NAME_UNKNOWN']);
      }
      expect(hub.requests.all).toEqual([]);
    },
  );

  it.each(['DOCKER.IO', 'index.docker.io', 'registry-1.docker.io'])('is not %s, which is another name', async (ns) => {
    const response = await ask(`${v2}/app/manifests/1.0?ns=${ns}`);
    expect([response.status, response.headers['oci-namespace']]).toEqual([200, 'docker.io']);
  });
});

describe('content of an upstream', () => {
  it('has the same headers for HEAD as for GET, without a download', async () => {
    const cold = images.repositories.get('library/app')?.tags.get('2.0');
    const head = await ask(`${v2}/app/manifests/2.0`, { method: 'HEAD' });
    expect(hub.requests.count('manifest-get')).toBe(0);
    const got = await ask(`${v2}/app/manifests/2.0`);
    for (const name of ['content-type', 'content-length', 'docker-content-digest', 'etag']) {
      expect(head.headers[name]).toBe(got.headers[name]);
    }
    expect(head.headers['docker-content-digest']).toBe(cold);
    expect(head.body.length).toBe(0);
  });

  it('is not downloaded for HEAD of a blob', async () => {
    const { config } = app;
    const head = await ask(`${v2}/app/blobs/${config}`, { method: 'HEAD' });
    expect([head.status, head.headers['content-length']]).toEqual([200, String(images.blobs.get(config)?.size)]);
    expect(hub.requests.count('cdn-get', 'blob-get')).toBe(0);
  });

  it('is not "not modified" when the upstream does not have it', async () => {
    const headers = { 'if-none-match': '*' };
    expect(errorOf(await ask(`${v2}/app/manifests/none`, { headers }))).toEqual([404, 'MANIFEST_UNKNOWN']);
  });
});
