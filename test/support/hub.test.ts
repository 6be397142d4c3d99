import { beforeAll, describe, expect, it } from 'vitest';

import { digestOf } from '../../src/oci/digest.ts';
import { type BuiltImage, type BuiltIndex, Images } from './images.ts';
import { Hub } from './hub.ts';
import type { HubOptions } from './hub-state.ts';
import { ACCEPT_MANIFESTS } from './media-types.ts';
import { findProgram } from './programs.ts';
import { runProgram } from './processes.ts';
import { temporaryDirectory } from './temporary-directory.ts';

const NAME = 'library/app';
const images = new Images();
let image: BuiltImage;
let other: BuiltImage;
let index: BuiltIndex;

beforeAll(() => {
  image = images.addImage(NAME, '1', { layers: [200_000] });
  other = images.addImage(NAME, 'other', { family: 'docker', layers: [3000] });
  index = images.addIndex(NAME, 'multi');
  images.addArtifact(NAME, image, 'application/spdx+json', 'sbom');
});

async function startHub(options?: HubOptions) {
  const hub = await Hub.start(images, options);
  const token = async (repository = NAME, headers: Record<string, string> = {}) => {
    const url = `${hub.tokenUrl}?service=registry.docker.io&scope=repository:${repository}:pull`;
    const answer = (await (await fetch(url, { headers })).json()) as { token: string; expires_in?: number };
    return answer;
  };
  const authorization = `Bearer ${(await token()).token}`;
  hub.requests.reset();
  const ask = (path: string, init: RequestInit = {}) =>
    fetch(`${hub.url}/v2/${NAME}${path}`, {
      redirect: 'manual',
      ...init,
      headers: { accept: ACCEPT_MANIFESTS, authorization, ...(init.headers as Record<string, string>) },
    });
  const cdnUrl = async (digest: string) => (await ask(`/blobs/${digest}`)).headers.get('location') ?? '';
  return { hub, token, ask, cdnUrl, [Symbol.asyncDispose]: () => hub[Symbol.asyncDispose]() };
}

const bytesOf = async (response: Response) => Buffer.from(await response.arrayBuffer());

describe('the hub answers as Docker Hub does', () => {
  it('lets a real client pull every image byte for byte', async (context) => {
    const skopeo = await findProgram('skopeo');
    if (skopeo === undefined) return context.skip('skopeo is missing');
    await using started = await startHub();
    await using target = await temporaryDirectory();
    for (const tag of ['1', 'other', 'multi']) {
      const source = `docker://127.0.0.1:${started.hub.port}/${NAME}:${tag}`;
      await runProgram(skopeo, [
        '--insecure-policy',
        'copy',
        '--src-tls-verify=false',
        source,
        `dir:${target.path}/${tag}`,
      ]);
    }
    const layers = [...image.layers, ...other.layers];
    const fetched = new Set(started.hub.requests.of('cdn-get').map(({ reference }) => reference));
    for (const digest of layers) expect(fetched).toContain(digest);
    expect(started.hub.requests.of('cdn-get').every(({ complete, status }) => complete && status === 200)).toBe(true);
  });

  it('challenges whoever comes without a token for the repository', async () => {
    await using started = await startHub();
    const refused = await fetch(`${started.hub.url}/v2/${NAME}/manifests/1`);
    expect(refused.status).toBe(401);
    expect(refused.headers.get('www-authenticate')).toBe(
      `Bearer realm="${started.hub.tokenUrl}",service="registry.docker.io",scope="repository:${NAME}:pull"`,
    );
    const elsewhere = `Bearer ${(await started.token('library/elsewhere')).token}`;
    expect((await started.ask('/manifests/1', { headers: { authorization: elsewhere } })).status).toBe(401);
    started.hub.tokens.revokeAll();
    expect((await started.ask('/manifests/1')).status).toBe(401);
    expect(started.hub.requests.counts()).toEqual({ unauthorized: 3, token: 1 });
  });

  it('checks passwords and keeps private repositories from the anonymous', async () => {
    await using started = await startHub();
    started.hub.tokens.users.set('ann', 'secret:word');
    started.hub.tokens.privateRepositories.add(NAME);
    const withToken = async (headers: Record<string, string>) => {
      const authorization = `Bearer ${(await started.token(NAME, headers)).token}`;
      return (await started.ask('/manifests/1', { headers: { authorization } })).status;
    };
    const basic = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString('base64')}` });
    expect(await withToken({})).toBe(401);
    expect(await withToken(basic('ann:secret:word'))).toBe(200);
    expect(await withToken(basic('ann:wrong'))).toBe(401);
  });

  it('counts a manifest GET against the budget and refuses when it is spent', async () => {
    await using started = await startHub();
    Object.assign(started.hub.rateLimit, { remaining: 1, enforced: true });
    const head = await started.ask('/manifests/1', { method: 'HEAD' });
    expect(head.headers.get('ratelimit-remaining')).toBe('1;w=21600');
    expect(head.headers.get('docker-content-digest')).toBe(image.digest);
    const pull = await started.ask('/manifests/1');
    expect(pull.headers.get('ratelimit-limit')).toBe('100;w=21600');
    expect(await bytesOf(pull)).toEqual(image.bytes);
    const refused = await started.ask('/manifests/1');
    expect(refused.status).toBe(429);
    expect(await refused.json()).toMatchObject({ errors: [{ code: 'TOOMANYREQUESTS' }] });
  });

  it('redirects blobs to a CDN that knows ranges and refuses tokens and old signatures', async () => {
    await using started = await startHub();
    const [, layer = ''] = image.layers;
    const url = await started.cdnUrl(layer);
    expect(new URL(url).origin).toBe(started.hub.cdnUrl);
    expect(digestOf(await bytesOf(await fetch(url)))).toBe(layer);
    const part = await fetch(url, { headers: { range: 'bytes=100-199' } });
    expect([part.status, part.headers.get('content-range')]).toEqual([206, 'bytes 100-199/200000']);
    expect((await bytesOf(part)).length).toBe(100);
    expect((await fetch(url, { headers: { authorization: 'Bearer x' } })).status).toBe(400);
    started.hub.signedUrls.expireAll();
    expect((await fetch(url)).status).toBe(403);
    const ranges = started.hub.requests.of('cdn-get').map(({ range, status, bytes }) => [range, status, bytes]);
    expect(ranges.slice(0, 2)).toEqual([
      [undefined, 200, 200_000],
      ['bytes=100-199', 206, 100],
    ]);
  });

  it('lists referrers and children of an index', async () => {
    await using started = await startHub();
    const listed = (await (await started.ask(`/referrers/${image.digest}`)).json()) as { manifests: unknown[] };
    expect(listed.manifests).toMatchObject([{ artifactType: 'application/spdx+json' }]);
    for (const child of Object.values(index.images)) {
      expect(await bytesOf(await started.ask(`/manifests/${child.digest}`))).toEqual(child.bytes);
    }
  });

  it('moves and removes tags while it runs', async () => {
    await using started = await startHub();
    const digestNow = async () => (await started.ask('/manifests/1')).headers.get('docker-content-digest');
    expect(await digestNow()).toBe(image.digest);
    started.hub.setTag(NAME, '1', other.digest);
    expect(await digestNow()).toBe(other.digest);
    started.hub.setTag(NAME, '1', undefined);
    expect((await started.ask('/manifests/1')).status).toBe(404);
  });

  it('can be a small private registry: Basic, and blobs of its own', async () => {
    await using started = await startHub({ challenge: 'basic', redirectBlobs: false, referrers: false });
    started.hub.tokens.users.set('ann', 'secret');
    const refused = await started.ask(`/blobs/${image.config}`);
    expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([401, 'Basic realm="registry"']);
    const authorization = `Basic ${Buffer.from('ann:secret').toString('base64')}`;
    const blob = await started.ask(`/blobs/${image.config}`, { headers: { authorization } });
    expect(digestOf(await bytesOf(blob))).toBe(image.config);
    expect((await started.ask(`/referrers/${image.digest}`, { headers: { authorization } })).status).toBe(404);
  });

  it('comes back on the same ports after it was gone', async () => {
    await using started = await startHub();
    await started.hub.stop();
    await expect(started.ask('/manifests/1')).rejects.toThrow('fetch failed');
    await started.hub.resume();
    expect((await started.ask('/manifests/1')).status).toBe(200);
  });
});

describe('the hub goes wrong on demand', () => {
  it('fails the next requests of a kind and no other', async () => {
    await using started = await startHub();
    started.hub.faults.failNext('manifest-head', 2, { status: 503, headers: { 'retry-after': '1' } });
    const statuses = [];
    for (const method of ['GET', 'HEAD', 'HEAD', 'HEAD']) {
      statuses.push((await started.ask('/manifests/1', { method })).status);
    }
    expect(statuses).toEqual([200, 503, 503, 200]);
  });

  it('sends wrong, short and long bodies that look complete', async () => {
    await using started = await startHub();
    const [, layer = ''] = image.layers;
    const fetched = async () => bytesOf(await fetch(await started.cdnUrl(layer)));
    started.hub.faults.wrongBytes(layer, 150_000);
    expect([(await fetched()).length, digestOf(await fetched()) === layer]).toEqual([200_000, false]);
    started.hub.faults.clear();
    started.hub.faults.shortBody(layer, 10);
    expect((await fetched()).length).toBe(199_990);
    started.hub.faults.clear();
    started.hub.faults.longBody(layer, 10);
    expect((await fetched()).length).toBe(200_010);
  });

  it('lies about digests and answers what is no JSON', async () => {
    await using started = await startHub();
    const remove = started.hub.faults.wrongDigestHeader(image.digest);
    const wrong = await started.ask('/manifests/1');
    expect(wrong.headers.get('docker-content-digest')).toMatch(/^sha256:0{64}$/);
    expect(await bytesOf(wrong)).toEqual(image.bytes);
    remove();
    started.hub.faults.garbageJson('manifest-get');
    await expect(started.ask('/manifests/1').then((answer) => answer.json())).rejects.toThrow('JSON');
  });

  it('is slow to answer and slow to send', async () => {
    await using started = await startHub();
    started.hub.faults.delay(150, { on: 'manifest-head' });
    started.hub.faults.throttle(1_000_000, { on: 'cdn-get' });
    const begun = performance.now();
    await started.ask('/manifests/1', { method: 'HEAD' });
    const answered = performance.now();
    expect(answered - begun).toBeGreaterThan(140);
    await bytesOf(await fetch(await started.cdnUrl(image.layers[1] ?? '')));
    expect(performance.now() - answered).toBeGreaterThan(150);
  });

  it('moves a tag between HEAD and GET', async () => {
    await using started = await startHub();
    started.hub.moveTagAfter('manifest-head', NAME, '1', other.digest);
    const digests = [];
    for (const method of ['HEAD', 'GET']) {
      digests.push((await started.ask('/manifests/1', { method })).headers.get('docker-content-digest'));
    }
    expect(digests).toEqual([image.digest, other.digest]);
  });

  it('cuts a body where it is told to, as often as it is told to', async () => {
    await using started = await startHub();
    const [, layer = ''] = image.layers;
    started.hub.faults.cutBody(70_000, { on: 'cdn-get', times: 1 });
    const cut = await fetch(await started.cdnUrl(layer));
    expect(cut.headers.get('content-length')).toBe('200000');
    expect(await receivedBytes(cut)).toEqual({ bytes: 70_000, whole: false });
    expect(await receivedBytes(await fetch(await started.cdnUrl(layer)))).toEqual({ bytes: 200_000, whole: true });
    expect(started.hub.requests.of('cdn-get').map(({ bytes, complete }) => [bytes, complete])).toEqual([
      [70_000, false],
      [200_000, true],
    ]);
  });

  it('is silent before headers or in mid-body until the client gives up', async () => {
    await using started = await startHub();
    const [, layer = ''] = image.layers;
    const url = await started.cdnUrl(layer);
    const silent = started.hub.faults.hang({ on: 'manifest-get' });
    await expect(started.ask('/manifests/1', { signal: AbortSignal.timeout(200) })).rejects.toThrow('timeout');
    silent();
    expect((await started.ask('/manifests/1')).status).toBe(200);
    started.hub.faults.hangMidBody(1000);
    const half = await fetch(url, { signal: AbortSignal.timeout(500) });
    expect(await receivedBytes(half)).toEqual({ bytes: 1000, whole: false });
  });

  it('redirects in circles, never ends a header, closes the door', async () => {
    await using started = await startHub();
    const following = () => started.ask('/manifests/1', { redirect: 'follow' });
    for (const instead of ['redirect-loop', 'endless-header', 'disconnect'] as const) {
      const remove = started.hub.faults.add({ on: 'manifest-get' }, { instead });
      await expect(following()).rejects.toThrow('fetch failed');
      remove();
    }
    expect((await following()).status).toBe(200);
  });
});

async function receivedBytes(response: Response): Promise<{ bytes: number; whole: boolean }> {
  let bytes = 0;
  try {
    for await (const chunk of response.body ?? []) bytes += chunk.length;
    return { bytes, whole: true };
  } catch {
    return { bytes, whole: false };
  }
}
