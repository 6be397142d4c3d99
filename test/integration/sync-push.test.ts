import { readdir, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { certificate } from '../http/tls/certificates.ts';
import { blobAt, hostOf, manifestAt } from '../images/image-scene.ts';
import { startDockerRegistryOn, type DockerRegistry } from '../support/docker-registry.ts';
import { Images } from '../support/images.ts';
import type { ConfigObject } from '../support/layover.ts';
import { findProgram } from '../support/programs.ts';
import { startServer } from '../support/start-server.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { sharedHub } from './scene.ts';
import { type SyncScene, startSync } from './sync-scene.ts';

const images = new Images();
const [first, second] = [images.addImage('library/app', '1'), images.addImage('library/app', '2')];
const multi = images.addIndex('library/multi', '1');
const signature = images.addImage('library/app', `${first.digest.replace(':', '-')}.sig`, { layers: [2048] });
const tagOf = (digest: string) => `${digest.replace(':', '-')}.sig`;
const whole = images.addIndex('library/signed', '1');
images.addImage('library/signed', tagOf(whole.digest), { layers: [2048] });
const platformSignature = images.addImage('library/signed', tagOf(whole.images.arm64.digest), { layers: [2048] });
const hub = sharedHub(images);
const program = await findProgram('docker-registry');
if (program === undefined) console.warn('docker-registry is missing: copies to another registry are not tested');

let inside: DockerRegistry;
let directory: Awaited<ReturnType<typeof temporaryDirectory>>;

beforeAll(async () => {
  directory = await temporaryDirectory();
  if (program !== undefined) inside = await startDockerRegistryOn(program, directory.path);
});

afterAll(async () => {
  await inside?.[Symbol.asyncDispose]();
  await directory[Symbol.asyncDispose]();
});

/** In front of the registry: the methods of all requests. */
async function startCounting() {
  const methods: string[] = [];
  const server = await startServer((req, res) => {
    methods.push(req.method ?? '');
    const { method, headers } = req;
    const forwarded = request(new URL(req.url ?? '/', inside.url), { method, headers }, (response) => {
      res.writeHead(response.statusCode ?? 502, response.headers);
      response.pipe(res);
    });
    req.pipe(forwarded);
  });
  return { ...server, methods };
}

const startPush = (rule: ConfigObject, to: ConfigObject): Promise<SyncScene> =>
  startSync(hub(), { ...rule, to: { registry: inside.url, ...to } });

const APP = { repositories: ['docker.io/library/app'], tags: { match: '[12]' } };
const SIGNED = { repositories: ['docker.io/library/signed'], tags: { match: '1' }, platforms: ['linux/arm64'] };
const MULTI = { repositories: ['docker.io/library/multi'], tags: { match: '1' }, platforms: ['linux/arm64'] };

describe.skipIf(program === undefined)('a rule that copies to another registry', () => {
  it('copies through the cache what differs, with attachments; an unchanged run is one HEAD for each tag and attachment', async () => {
    await using counting = await startCounting();
    await using scene = await startPush({ ...APP, referrers: true }, { registry: counting.url, prefix: 'base' });
    const at = (tag: string) => `${hostOf(counting)}/base/library/app:${tag}`;
    expect(await scene.sync()).toEqual({
      'app:1': 'fetched',
      'app:2': 'fetched',
      [at('1')]: 'fetched',
      [at('2')]: 'fetched',
    });
    expect(await manifestAt(inside.url, 'base/library/app', '2')).toEqual(second.bytes);
    const sigTag = `${first.digest.replace(':', '-')}.sig`;
    expect(await manifestAt(inside.url, 'base/library/app', sigTag)).toEqual(signature.bytes);
    for (const digest of [second.config, ...second.layers])
      expect(await blobAt(inside.url, 'base/library/app', digest)).toBeDefined();

    counting.methods.length = 0;
    hub().requests.reset();
    expect(Object.values(await scene.sync())).toEqual(['present', 'present', 'present', 'present']);
    expect(counting.methods).toEqual(['HEAD', 'HEAD', 'HEAD']);
    expect(hub().requests.count('manifest-get', 'cdn-get', 'blob-get')).toBe(0);

    hub().setTag('library/app', '1', second.digest);
    const rows = await scene.rows();
    hub().setTag('library/app', '1', first.digest);
    expect(rows.find(({ name }) => name === at('1'))).toMatchObject({
      outcome: 'moved',
      digest: second.digest,
      was: first.digest,
      bytes: 0,
    });
    expect(await manifestAt(inside.url, 'base/library/app', '1')).toEqual(second.bytes);
  });

  it('says how to copy some platforms to a registry that refuses an incomplete index', async () => {
    await using scene = await startPush(MULTI, { prefix: 'whole' });
    const rows = await scene.rows();
    expect(rows).toMatchObject([
      { name: 'docker.io/library/multi:1', outcome: 'fetched' },
      { outcome: 'failed', reason: expect.stringMatching(/refuses an index without .*\(set to\.index: narrowed, or /) },
    ]);
    expect(await manifestAt(inside.url, 'whole/library/multi', '1')).toBeUndefined();
  });

  it('copies one platform without the index', async () => {
    await using scene = await startPush(MULTI, { prefix: 'narrow', index: 'narrowed' });
    expect(Object.values(await scene.sync())).toEqual(['fetched', 'fetched']);
    expect(await manifestAt(inside.url, 'narrow/library/multi', '1')).toEqual(multi.images.arm64.bytes);
    expect(Object.values(await scene.sync())).toEqual(['present', 'present']);
  });

  it('copies the attachments of the platforms, not those of the whole index, and nothing in an unchanged run', async () => {
    await using counting = await startCounting();
    const to = { registry: counting.url, prefix: 'signed', index: 'narrowed' };
    await using scene = await startPush({ ...SIGNED, referrers: true }, to);
    expect(Object.values(await scene.sync())).toEqual(['fetched', 'fetched']);
    const at = (tag: string) => manifestAt(inside.url, 'signed/library/signed', tag);
    expect(await at(tagOf(whole.images.arm64.digest))).toEqual(platformSignature.bytes);
    expect(await at(tagOf(whole.digest))).toBeUndefined();
    counting.methods.length = 0;
    expect(Object.values(await scene.sync())).toEqual(['present', 'present']);
    expect(counting.methods).toEqual(['HEAD', 'HEAD']);
  });

  it('trusts the authority of to.tls, and without it copies nothing', async () => {
    await using files = await temporaryDirectory();
    const ca = await certificate('CA of the site');
    const server = await certificate('127.0.0.1', { ca });
    const [caFile, certFile, keyFile] = ['ca.pem', 'cert.pem', 'key.pem'].map((name) => join(files.path, name));
    for (const [file, text] of [
      [caFile, ca.cert],
      [certFile, server.cert],
      [keyFile, server.key],
    ] as const)
      await writeFile(file ?? '', text);
    const http = { tls: { certificate: certFile, key: keyFile } };
    await using secured = await startDockerRegistryOn(program ?? '', join(files.path, 'data'), { http });
    const registry = secured.url.replace('http:', 'https:');
    await using untrusting = await startPush(APP, { registry });
    const failed = (await untrusting.rows()).filter(({ outcome }) => outcome === 'failed');
    expect(failed).toHaveLength(2);
    expect(failed[0]?.reason).toContain('certificate');
    await expect(readdir(join(files.path, 'data/docker/registry/v2/repositories'))).rejects.toThrow('ENOENT');
    await using trusting = await startPush(APP, { registry, tls: { ca: caFile } });
    expect(Object.values(await trusting.sync())).toEqual(['fetched', 'fetched', 'fetched', 'fetched']);
    expect(Object.values(await trusting.sync())).toEqual(['present', 'present', 'present', 'present']);
  });

  it('keeps images in the cache when the other registry refuses them or is down, and logs in where it has to', async () => {
    const seen: (string | undefined)[] = [];
    await using closed = await startServer((req, res) => {
      seen.push(req.headers.authorization);
      const isKnown = req.headers.authorization === `Basic ${Buffer.from('ci:secret').toString('base64')}`;
      res.writeHead(isKnown ? 403 : 401, { 'www-authenticate': 'Basic realm="inside"' }).end('{}');
    });
    await using scene = await startPush(APP, {
      registry: closed.url,
      credentials: [{ username: 'ci', password: 'secret' }],
    });
    const rows = await scene.rows();
    expect(rows.map(({ outcome }) => outcome).toSorted()).toEqual(['failed', 'failed', 'fetched', 'fetched']);
    expect(rows.find(({ outcome }) => outcome === 'failed')?.reason).not.toContain('secret');
    expect(seen).toContain(`Basic ${Buffer.from('ci:secret').toString('base64')}`);
  });
});
