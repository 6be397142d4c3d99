import { gunzipSync } from 'node:zlib';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { boundedFetch } from '../../src/fetch/bounded-fetch.ts';
import { digestOf } from '../../src/oci/digest.ts';
import { VERIFY_DIGEST, VERIFY_IMAGE } from '../../src/verify/verify-image.ts';
import { Verifications } from '../../src/verify/verifications.ts';
import { basic, htpasswdOf } from '../auth/htpasswd-file.ts';
import { sendRequest } from '../support/http-client.ts';
import { Images } from '../support/images.ts';
import { dockerHubUpstream, Layover, type LayoverOptions } from '../support/layover.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { sharedHub } from './scene.ts';
import { storedRepositories } from './stored-data.ts';

const hub = sharedHub(new Images());
const NONCE = 'a1b2c3d4e5f60718';

const startCache = ({ config = {}, ...options }: LayoverOptions = {}) =>
  Layover.start({
    ...options,
    config: {
      ...config,
      proxy: { upstreams: [dockerHubUpstream(hub()), { name: 'ghcr.io', remoteurl: hub().url }] },
    },
  });

const image = (path: string) => `/v2/${path}/manifests/latest`;

describe('the image for verification', () => {
  it.each([
    ['the default registry', `layover-verify/${NONCE}`, '', {}],
    ['ns', `layover-verify/${NONCE}`, '?ns=docker.io', {}],
    ['an ns that is not configured', `layover-verify/${NONCE}`, '?ns=quay.io', {}],
    ['a prefix', `ghcr.io/layover-verify/${NONCE}`, '', {}],
    ['a prefix that is not configured', `registry.corp:5000/layover-verify/${NONCE}`, '', {}],
    ['Host', `layover-verify/${NONCE}`, '', { host: 'ghcr.io' }],
  ])('is served whole for %s, without the upstream and without storing it', async (_, name, query, headers) => {
    await using layover = await startCache();
    const get = (path: string) => sendRequest(`${layover.url}/v2/${name}/${path}${query}`, { headers });
    const index = await get('manifests/latest');
    expect(index.status).toBe(200);
    expect(index.headers['docker-content-digest']).toBe(VERIFY_DIGEST);
    expect(digestOf(index.body)).toBe(VERIFY_DIGEST);
    for (const { digest } of JSON.parse(index.body.toString()).manifests) {
      const manifest = await get(`manifests/${digest}`);
      expect(digestOf(manifest.body)).toBe(digest);
      const { config, layers } = JSON.parse(manifest.body.toString());
      for (const { digest: blob, size } of [config, ...layers]) {
        const { body, headers: sent } = await get(`blobs/${blob}`);
        expect([digestOf(body), sent['content-length']]).toEqual([blob, String(size)]);
      }
      const layer = gunzipSync((await get(`blobs/${layers[0].digest}`)).body);
      const rootfs = JSON.parse((await get(`blobs/${config.digest}`)).body.toString()).rootfs;
      expect(rootfs.diff_ids).toEqual([digestOf(layer)]);
    }
    expect(hub().requests.counts()).toEqual({});
    expect(await storedRepositories(layover.dataDirectory)).toEqual([]);
    expect(await layover.visibleBlobs()).toEqual([]);
  });

  it('has a digest that does not change between versions', () => {
    expect(VERIFY_DIGEST).toMatchInlineSnapshot(
      `"sha256:e25b5f0335c415545484414603f1e120d28cb3ccec6c67c52c9cdd95d1112ba4"`,
    );
    expect(VERIFY_IMAGE.index.size).toBeLessThan(4096);
  });

  it('has one tag, no referrers, and takes no writes', async () => {
    await using layover = await startCache();
    const at = (path: string, method = 'GET') => fetch(`${layover.url}/v2/layover-verify/${NONCE}/${path}`, { method });
    expect(await (await at('tags/list')).json()).toMatchObject({ tags: ['latest'] });
    expect(await (await at(`referrers/${VERIFY_DIGEST}`)).json()).toMatchObject({ manifests: [] });
    expect((await at('manifests/other')).status).toBe(404);
    expect((await at(`blobs/sha256:${'0'.repeat(64)}`)).status).toBe(404);
    expect((await at('blobs/uploads/', 'POST')).status).toBe(405);
    expect((await at('manifests/latest', 'DELETE')).status).toBe(405);
    expect(hub().requests.counts()).toEqual({});
  });

  it.each(['short', 'a'.repeat(65), 'with-dash-0', 'two/parts000'])(
    'has no name with the nonce %s, which is one of the upstream',
    async (nonce) => {
      await using layover = await startCache();
      hub().requests.reset();
      expect((await fetch(`${layover.url}${image(`layover-verify/${nonce}`)}`)).status).toBe(404);
      expect(hub().requests.count('manifest-get', 'manifest-head')).toBeGreaterThan(0);
      hub().requests.reset();
    },
  );

  it('is not reserved in a registry without upstreams', async () => {
    await using layover = await Layover.start();
    expect((await fetch(`${layover.url}${image(`layover-verify/${NONCE}`)}`)).status).toBe(404);
  });

  it('is served by workers as without them', async () => {
    await using layover = await startCache({ ownProcess: true, config: { http: { workers: 2 } } });
    for (let i = 0; i < 6; i++) {
      const response = await fetch(`${layover.url}${image(`layover-verify/${NONCE}`)}?ns=docker.io`);
      expect(digestOf(Buffer.from(await response.arrayBuffer()))).toBe(VERIFY_DIGEST);
    }
    const seen = await verificationsAt(layover);
    expect(seen).toHaveLength(6);
    expect(seen[0]).toMatchObject({ address: '127.0.0.1', namedBy: 'ns', isSecure: false });
  });
});

describe('requests for the image for verification', () => {
  it('are reported to operators, the newest first', async () => {
    await using layover = await startCache();
    const headers = { 'user-agent': 'docker/28.2.2' };
    for (const path of [`layover-verify/${NONCE}`, `ghcr.io/layover-verify/${NONCE}`]) {
      await (await fetch(`${layover.url}${image(path)}`, { headers })).arrayBuffer();
    }
    const common = { nonce: NONCE, address: '127.0.0.1', userAgent: 'docker/28.2.2', isSecure: false, status: 200 };
    await expect
      .poll(() => verificationsAt(layover))
      .toEqual([
        { ...common, at: expect.any(String), method: 'GET', namedBy: 'prefix', namespace: 'ghcr.io' },
        { ...common, at: expect.any(String), method: 'GET', namedBy: 'default' },
      ]);
    expect(await verificationsAt(layover, 'ffffffffffffffff')).toEqual([]);
  });

  it('are forgotten when many others follow', () => {
    const log = new Verifications({ maxKept: 3 });
    const seen = (nonce: string) => {
      const at = new Date().toISOString();
      log.add({
        nonce,
        at,
        isSecure: false,
        namedBy: 'ns',
        method: 'GET',
        status: 200,
        userAgent: 'x'.repeat(9999),
      });
    };
    for (const nonce of ['first000', 'second00', 'third000', 'fourth00']) seen(nonce);
    expect(log.findVerifications('first000')).toEqual([]);
    expect(log.findVerifications('second00')[0]?.userAgent).toHaveLength(200);
    for (let i = 0; i < 100; i++) seen('other000');
    expect(log.findVerifications('fourth00')).toEqual([]);
    expect(log.findVerifications('other000')).toHaveLength(3);
  });

  it('need the credentials that any pull needs, and are reported without them', async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, 'htpasswd');
    await writeFile(path, await htpasswdOf({ alice: 'apw', bob: 'bpw' }));
    const policy = [{ users: ['alice'], repositories: ['docker.io/library/*'], actions: ['pull'] }];
    await using layover = await startCache({ config: { auth: { htpasswd: { realm: 'house', path }, policy } } });
    const status = async (headers: Record<string, string>) =>
      (await fetch(`${layover.url}${image(`layover-verify/${NONCE}`)}`, { headers })).status;
    expect(await status({})).toBe(401);
    expect(await status(basic('alice', 'wrong'))).toBe(401);
    expect(await status(basic('bob', 'bpw'))).toBe(403);
    expect(await status(basic('alice', 'apw'))).toBe(200);
    await expect
      .poll(async () => (await verificationsAt(layover)).map(({ status: code, user }) => [code, user]))
      .toEqual([
        [200, 'alice'],
        [403, 'bob'],
        [401, undefined],
        [401, undefined],
      ]);
  });
});

async function verificationsAt(layover: Layover, nonce = NONCE): Promise<Record<string, unknown>[]> {
  const socketPath = join(layover.dataDirectory, 'layover', 'admin.sock');
  const url = `http://localhost/admin/api/v1/verify/${nonce}`;
  const { body } = await boundedFetch(url, { socketPath, timeoutMs: 10_000, maxBytes: 1024 * 1024 });
  return JSON.parse(body.toString()).verifications;
}
