import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { seededContent } from '../support/content.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { Images } from '../support/images.ts';
import { type ConfigObject, dockerHubUpstream, Layover } from '../support/layover.ts';
import { errorCode, pull } from './pulling.ts';
import { sharedHub } from './scene.ts';
import { expectStored, storedRepositories } from './stored-data.ts';

const hubImages = new Images();
const ghcrImages = new Images();
const hubApp = hubImages.addImage('library/app', '1', { seed: 'hub' });
const ghcrApp = ghcrImages.addImage('library/app', '1', { seed: 'ghcr' });
const ghcrPlain = ghcrImages.addImage('app', '1', { seed: 'plain' });
const shared = seededContent('shared', 100_000);
for (const name of ['team/a', 'team/b']) ghcrImages.addBlob(name, shared);
const listing = ghcrImages.addImage('team/listing', '1', { layers: [4096] });
const [, layer = ''] = listing.layers;
ghcrImages.addImage('team/copy', '1', { layers: [4096], seed: 'team/listing:1' });
hubImages.addBlob('library/app', shared);

const hub = sharedHub(hubImages);
const ghcr = sharedHub(ghcrImages);

interface CacheOptions {
  /** More for `proxy`. */
  readonly proxy?: ConfigObject;
  /** More for Docker Hub; for both upstreams. */
  readonly dockerHub?: ConfigObject;
  readonly both?: ConfigObject;
}

function startCache({ proxy = {}, dockerHub = {}, both = {} }: CacheOptions = {}): Promise<Layover> {
  const upstreams = [
    dockerHubUpstream(hub(), { ...both, ...dockerHub }),
    { name: 'ghcr.io', remoteurl: ghcr().url, aliases: ['mirror.example'], ...both },
  ];
  return Layover.start({ config: { proxy: { upstreams, ...proxy } } });
}

describe('a request finds its upstream', () => {
  let layover: Layover;
  beforeAll(async () => {
    // Every request asks.
    layover = await startCache({ both: { tags: { ttl: '0s' } } });
  });
  afterAll(() => layover[Symbol.asyncDispose]());

  it.each([
    ['by default', 'library/app/manifests/1', {}, 'docker.io', hubApp],
    ['by default, with library/ understood', 'app/manifests/1', {}, 'docker.io', hubApp],
    ['by ns', 'library/app/manifests/1?ns=ghcr.io', {}, 'ghcr.io', ghcrApp],
    ['by ns, in capitals', 'library/app/manifests/1?ns=GHCR.io', {}, 'ghcr.io', ghcrApp],
    ['by an alias as ns', 'library/app/manifests/1?ns=mirror.example', {}, 'ghcr.io', ghcrApp],
    ["by Docker Hub's other name as ns", 'app/manifests/1?ns=registry-1.docker.io', {}, 'docker.io', hubApp],
    ['by prefix', 'ghcr.io/library/app/manifests/1', {}, 'ghcr.io', ghcrApp],
    ['by prefix, with library/ only at Docker Hub', 'ghcr.io/app/manifests/1', {}, 'ghcr.io', ghcrPlain],
    ["by Docker Hub's prefix", 'docker.io/app/manifests/1', {}, 'docker.io', hubApp],
    ['by Host', 'library/app/manifests/1', { host: 'ghcr.io:5000' }, 'ghcr.io', ghcrApp],
    ['by Host, an alias', 'app/manifests/1', { host: 'mirror.example' }, 'ghcr.io', ghcrPlain],
    ['by ns before Host', 'app/manifests/1?ns=docker.io', { host: 'ghcr.io' }, 'docker.io', hubApp],
    ['by ns and the same prefix', 'ghcr.io/app/manifests/1?ns=ghcr.io', {}, 'ghcr.io', ghcrPlain],
  ] as const)('%s', async (_how, path, headers, upstream, { digest }) => {
    const pulled = await pull(`${layover.url}/v2/${path}`, { headers });
    expect(pulled).toMatchObject({ status: 200, digest, headers: { 'oci-namespace': upstream } });
    const [asked, other] = upstream === 'docker.io' ? [hub(), ghcr()] : [ghcr(), hub()];
    expect(asked.requests.count('manifest-head')).toBe(1);
    expect(other.requests.all).toEqual([]);
    await expectStored(layover, [digest]);
  });
});

describe('a request finds no upstream', () => {
  it('that is not configured, and none is dialled', async () => {
    await using stranger = await FaultProxy.start(ghcr().port);
    await using layover = await startCache();
    for (const ns of [`127.0.0.1:${stranger.port}`, 'example.com', 'docker.io.example.com', '']) {
      const unknown = await pull(`${layover.url}/v2/library/app/manifests/1?ns=${ns}`);
      expect({ ns, status: unknown.status, code: errorCode(unknown) }).toEqual({
        ns,
        status: 404,
        code: 'NAME_UNKNOWN',
      });
    }
    expect(stranger.counts.connections).toBe(0);
    expect([...hub().requests.all, ...ghcr().requests.all]).toEqual([]);
    expect(await storedRepositories(layover.dataDirectory)).toEqual([]);
  });

  it('when it does not say which, where there is no default', async () => {
    await using layover = await startCache({ dockerHub: { default: false } });
    const unknown = await pull(`${layover.url}/v2/library/app/manifests/1`);
    expect({ status: unknown.status, code: errorCode(unknown) }).toEqual({ status: 404, code: 'NAME_UNKNOWN' });
    expect(await pull(`${layover.url}/v2/docker.io/app/manifests/1`)).toMatchObject({ digest: hubApp.digest });
  });

  it('for names that are denied there, or hosted here', async () => {
    await using layover = await startCache({ proxy: { hosted: ['ours/*'] }, dockerHub: { deny: ['library/*'] } });
    const denied = await pull(`${layover.url}/v2/app/manifests/1`);
    expect({ status: denied.status, code: errorCode(denied) }).toEqual({ status: 403, code: 'DENIED' });
    expect(await pull(`${layover.url}/v2/ours/app/manifests/1`)).toMatchObject({ status: 404 });
    expect(hub().requests.all).toEqual([]);
  });
});

describe('content of several repositories', () => {
  it('of the same name at two upstreams does not mix', async () => {
    await using layover = await startCache();
    const urls = [`${layover.url}/v2/library/app/manifests/1`, `${layover.url}/v2/library/app/manifests/1?ns=ghcr.io`];
    const digests = async () => (await Promise.all(urls.map((url) => pull(url)))).map(({ digest }) => digest);
    const expected = [hubApp.digest, ghcrApp.digest];
    expect(await digests()).toEqual(expected);
    await Promise.all([hub().stop(), ghcr().stop()]);
    expect(await digests()).toEqual(expected);
    await layover.restart();
    expect(await digests()).toEqual(expected);
    const foreign = await pull(`${layover.url}/v2/library/app/manifests/${ghcrApp.digest}`);
    expect(foreign.status).toBe(502);
    expect(await storedRepositories(layover.dataDirectory)).toEqual(['docker.io/library/app', 'ghcr.io/library/app']);
  });

  it('is fetched once, and given to another only when its upstream says that it has it too', async () => {
    await using layover = await startCache();
    const blob = (name: string) => pull(`${layover.url}/v2/${name}/blobs/${shared.digest}`);
    expect(await blob('ghcr.io/team/a')).toMatchObject({ digest: shared.digest, headers: { 'x-cache': 'MISS' } });
    await expectStored(layover, [shared.digest]);
    ghcr().requests.reset();

    expect(await blob('ghcr.io/team/b')).toMatchObject({ digest: shared.digest, headers: { 'x-cache': 'HIT' } });
    expect(ghcr().requests.count('blob-head')).toBe(1);
    expect(await blob('library/app')).toMatchObject({ digest: shared.digest, headers: { 'x-cache': 'HIT' } });
    expect(hub().requests.count('blob-head')).toBe(1);
    const missing = await blob('ghcr.io/team/c');
    expect({ status: missing.status, code: errorCode(missing) }).toEqual({ status: 404, code: 'BLOB_UNKNOWN' });
    for (const upstream of [hub(), ghcr()]) expect(upstream.requests.count('blob-get', 'cdn-get')).toBe(0);
    await ghcr().stop();
    expect(await blob('ghcr.io/team/d')).toMatchObject({ status: 502 });

    // Confirmed once, it belongs to both.
    expect(await blob('ghcr.io/team/b')).toMatchObject({ headers: { 'x-cache': 'HIT' } });
    const names = ['docker.io/library/app', 'ghcr.io/team/a', 'ghcr.io/team/b'];
    expect(await storedRepositories(layover.dataDirectory)).toEqual(names);
  });

  it('is given without asking where a manifest of the repository lists it', async () => {
    await using layover = await startCache();
    const url = `${layover.url}/v2/ghcr.io`;
    expect(await pull(`${url}/team/listing/blobs/${layer}`)).toMatchObject({ status: 200, digest: layer });
    expect(await pull(`${url}/team/copy/manifests/1`)).toMatchObject({ status: 200 });
    await expectStored(layover, [layer]);
    ghcr().requests.reset();
    expect(await pull(`${url}/team/copy/blobs/${layer}`)).toMatchObject({
      digest: layer,
      headers: { 'x-cache': 'HIT' },
    });
    expect(ghcr().requests.all).toEqual([]);
  });
});
