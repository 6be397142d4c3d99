import { generateKeyPairSync } from 'node:crypto';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { ask, errorCode, finish, pull, readSome } from '../integration/pulling.ts';
import { sharedHub } from '../integration/scene.ts';
import { readVisibleBlobs } from '../support/data-directory.ts';
import { Images } from '../support/images.ts';
import { type ConfigObject, dockerHubUpstream, Layover } from '../support/layover.ts';
import { runProgram } from '../support/processes.ts';
import { findProgram, programEnvironment } from '../support/programs.ts';
import { startServer } from '../support/start-server.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { startS3FaultProxy } from './s3-fault-proxy.ts';
import { versitygw } from './s3-scene.ts';
import { ACCESS_KEY, BUCKET, type S3Server, SECRET_KEY, startVersitygw } from './versitygw.ts';

const MIB = 1024 * 1024;
const skopeo = await findProgram('skopeo');

const images = new Images();
const image = images.addImage('library/app', '1', { layers: [24 * MIB + 5, 3 * MIB] });
const [, large, middle] = image.layers as readonly string[] as readonly [string, string, string];

describe.skipIf(versitygw === undefined)('a pull through a cache that keeps content in S3', () => {
  const hub = sharedHub(images);
  let server: S3Server;
  let roots = 0;
  beforeAll(async () => {
    server = await startVersitygw(versitygw as string);
  });
  afterAll(() => server[Symbol.asyncDispose]());

  async function startCache({ s3 = {}, storage = {}, root = `root-${++roots}`, more = {} }: CacheOptions = {}) {
    const directory = await temporaryDirectory();
    const proxy = await startS3FaultProxy(server.url);
    const spools = join(directory.path, 'spools');
    const options = {
      bucket: BUCKET,
      accesskey: ACCESS_KEY,
      secretkey: SECRET_KEY,
      regionendpoint: proxy.url,
      rootdirectory: root,
      chunksize: 5 * MIB,
      ...s3,
    };
    const config = {
      storage: { filesystem: undefined, s3: options, ...storage },
      proxy: { upstreams: [dockerHubUpstream(hub())], fills: { directory: spools } },
      ...more,
    };
    const layover = await Layover.startProcess({ config }).catch(async (err: unknown) => {
      await proxy[Symbol.asyncDispose]();
      throw err;
    });
    const blobUrl = (digest: string) => `${layover.url}/v2/library/app/blobs/${digest}`;
    return {
      layover,
      proxy,
      blobUrl,
      root,
      config,
      /** What anybody who reads the bucket sees. */
      visible: () => readVisibleBlobs(join(server.bucketDirectory, root)),
      spools: () => readdir(spools),
      async settled() {
        await expect.poll(() => readdir(spools), { timeout: 20_000 }).toEqual([]);
      },
      async [Symbol.asyncDispose]() {
        await layover[Symbol.asyncDispose]();
        await proxy[Symbol.asyncDispose]();
        await directory[Symbol.asyncDispose]();
      },
    };
  }

  interface CacheOptions {
    readonly s3?: ConfigObject;
    readonly storage?: ConfigObject;
    readonly root?: string;
    readonly more?: ConfigObject;
  }

  it('asks upstream once, shows the blob when it is verified, and streams it from then on', async () => {
    await using cache = await startCache({ storage: { redirect: { disable: true } } });
    const cold = await Promise.all(Array.from({ length: 5 }, () => pull(cache.blobUrl(large))));
    for (const got of cold) expect(got).toMatchObject({ status: 200, digest: large, complete: true });
    await cache.settled();
    expect(await cache.visible()).toMatchObject([{ digest: large, intact: true }]);

    const warm = await pull(cache.blobUrl(large));
    expect(warm).toMatchObject({ status: 200, digest: large, complete: true, headers: { 'x-cache': 'HIT' } });
    const part = await pull(cache.blobUrl(large), { headers: { range: 'bytes=7000000-7000099' } });
    expect(part).toMatchObject({ status: 206, size: 100 });
    expect(hub().requests.count('cdn-get')).toBe(1);
    expect(cache.layover.output).not.toContain(SECRET_KEY);
  });

  it('sends parts to S3 while upstream is still sending', async () => {
    await using cache = await startCache();
    const release = hub().faults.hangMidBody(12 * MIB, { on: 'cdn-get' });
    const answer = await ask(cache.blobUrl(large));
    await readSome(answer, 11 * MIB);
    await expect.poll(() => cache.proxy.count('part')).toBe(2);
    expect(await cache.visible()).toEqual([]);
    release();
    answer.destroy();
  });

  it('leaves nothing in S3 of bytes that are wrong', async () => {
    await using cache = await startCache();
    hub().faults.wrongBytes(large, 20 * MIB);
    expect((await pull(cache.blobUrl(large))).complete).toBe(false);
    await cache.settled();
    await expect.poll(() => cache.proxy.count('abort')).toBeGreaterThan(0);
    expect(cache.proxy.count('complete')).toBe(0);
    expect(await cache.visible()).toEqual([]);
    hub().faults.clear();
    expect(await pull(cache.blobUrl(large))).toMatchObject({ digest: large, complete: true });
  });

  it('redirects GET and HEAD of what is stored, unless it is small or the client has it', async () => {
    await using cache = await startCache();
    await pull(cache.blobUrl(large));
    await pull(cache.blobUrl(image.config));
    await cache.settled();

    const redirect = await pull(cache.blobUrl(large));
    expect(redirect).toMatchObject({ status: 307, size: 0 });
    expect(redirect.headers).toMatchObject({ 'docker-content-digest': large, 'x-cache': 'HIT' });
    expect(await pull(redirect.headers.location as string)).toMatchObject({ status: 200, digest: large });
    const head = await pull(cache.blobUrl(large), { method: 'HEAD' });
    expect(head.status).toBe(307);
    const followed = await pull(head.headers.location as string, { method: 'HEAD' });
    expect(followed).toMatchObject({ status: 200, headers: { 'content-length': String(24 * MIB + 5) } });

    expect((await pull(cache.blobUrl(image.config))).status).toBe(200);
    const known = await pull(cache.blobUrl(large), { headers: { 'if-none-match': `"${large}"` } });
    expect(known.status).toBe(304);
    expect(cache.layover.output).not.toContain('X-Amz-Signature');
  });

  it('redirects to CloudFront, but to S3 who is at AWS, as trusted proxies tell', async () => {
    await using directory = await temporaryDirectory();
    await using ranges = await startServer((_req, res) => {
      res.end(JSON.stringify({ prefixes: [{ ip_prefix: '3.5.140.0/22', region: 'ap-northeast-2' }] }));
    });
    const privatekey = join(directory.path, 'key.pem');
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    await writeFile(privatekey, privateKey.export({ type: 'pkcs8', format: 'pem' }));
    const cloudfront = {
      baseurl: 'https://d1.cloudfront.example',
      privatekey,
      keypairid: 'K',
      iprangesurl: ranges.url,
    };
    const filter = { ipfilteredby: 'awsregion', awsregion: 'us-east-1, ap-northeast-2' };
    await using cache = await startCache({
      more: {
        http: { trustedproxies: ['127.0.0.0/8'] },
        middleware: { storage: [{ name: 'cloudfront', options: { ...cloudfront, ...filter } }] },
      },
    });
    await pull(cache.blobUrl(large));
    await cache.settled();
    const askFrom = async (address: string, method: 'GET' | 'HEAD') =>
      pull(cache.blobUrl(large), { method, headers: { 'x-forwarded-for': address } });
    const hostFor = async (address: string, method: 'GET' | 'HEAD') =>
      new URL((await askFrom(address, method)).headers.location as string).host;

    const s3 = new URL(cache.proxy.url).host;
    await expect.poll(() => hostFor('3.5.141.9', 'GET')).toBe(s3);
    expect(await hostFor('3.5.141.9', 'HEAD')).toBe(s3);
    expect(await hostFor('203.0.113.7', 'GET')).toBe('d1.cloudfront.example');
    expect(await hostFor('203.0.113.7', 'HEAD')).toBe('d1.cloudfront.example');
  });

  it('serves hot blobs from the local tier', async () => {
    await using directory = await temporaryDirectory();
    await using cache = await startCache({
      storage: { tier: { size: '20MiB', directory: join(directory.path, 't') } },
    });
    for (let i = 0; i < 3; i++) {
      expect(await pull(cache.blobUrl(middle))).toMatchObject({ status: 200, digest: middle, complete: true });
      await cache.settled();
    }
    const gets = () =>
      cache.proxy.requests.filter(({ operation, key }) => operation === 'get' && key.endsWith('/data'));
    expect(gets()).toEqual([]);
    await cache.layover.restart();
    expect(await pull(cache.blobUrl(middle))).toMatchObject({ status: 200, digest: middle, complete: true });
    expect(gets()).toEqual([]);
    expect(await readdir(join(directory.path, 't'))).toEqual([`${middle.replace(':', '-')}.${3 * MIB}`]);
  });

  it('killed in the middle of an upload shows nothing, goes on from the spool, and the upload is removed', async () => {
    await using cache = await startCache({ s3: { abandonedafter: '1s' } });
    const release = hub().faults.hangMidBody(12 * MIB, { on: 'cdn-get' });
    const answer = await ask(cache.blobUrl(large));
    await readSome(answer, 11 * MIB);
    await expect.poll(() => cache.proxy.count('part')).toBe(2);
    await cache.layover.kill('SIGKILL');
    answer.destroy();
    release();
    hub().faults.clear();
    expect(await cache.visible()).toEqual([]);
    expect(await cache.spools()).toHaveLength(1);
    expect(cache.proxy.count('abort')).toBe(0);

    await cache.layover.restart();
    expect(await pull(cache.blobUrl(large))).toMatchObject({ status: 200, digest: large, complete: true });
    await cache.settled();
    expect(await cache.visible()).toMatchObject([{ digest: large, intact: true }]);
    expect(hub().requests.bytes('cdn-get')).toBeLessThan((24 * MIB + 5) * 1.3);
    await expect.poll(() => cache.proxy.count('abort')).toBe(1);
    await cache.layover.waitForOutput(/abandoned multipart uploads removed/);
  });

  it('gives clients all of a blob that S3 does not take, and stores it later without asking upstream for it', async () => {
    await using cache = await startCache({ storage: { redirect: { disable: true } } });
    for (const operation of ['start-upload', 'put'] as const) {
      cache.proxy.fail(operation, { kind: 'error', status: 500, code: 'InternalError' }, 1000);
    }
    expect(await pull(cache.blobUrl(large))).toMatchObject({ status: 200, digest: large, complete: true });
    await cache.layover.waitForOutput(/InternalError/);
    expect(await cache.visible()).toEqual([]);
    cache.proxy.clear();
    expect(await pull(cache.blobUrl(large))).toMatchObject({ status: 200, digest: large, complete: true });
    await cache.settled();
    expect(await cache.visible()).toMatchObject([{ digest: large, intact: true }]);
    expect(hub().requests.count('cdn-get')).toBe(1);
  });

  it('answers 503 while S3 turns it away, says why in the log, and recovers', async () => {
    await using cache = await startCache();
    cache.proxy.fail('get', { kind: 'error', status: 403, code: 'InvalidAccessKeyId' }, 1000);
    await cache.layover.restart();
    const answer = await pull(cache.blobUrl(large));
    expect([answer.status, errorCode(answer)]).toEqual([503, 'UNAVAILABLE']);
    expect(answer.start.toString()).not.toContain('InvalidAccessKeyId');
    await cache.layover.waitForOutput(/InvalidAccessKeyId.*the credentials are invalid/);
    cache.proxy.clear();
    expect(await pull(cache.blobUrl(large))).toMatchObject({ status: 200, digest: large, complete: true });
  });

  it.skipIf(skopeo === undefined)('works for a client that follows redirects', async () => {
    await using cache = await startCache();
    await using directory = await temporaryDirectory();
    for (const name of ['cold', 'warm']) {
      const target = join(directory.path, name);
      await mkdir(target);
      const from = `docker://127.0.0.1:${cache.layover.port}/library/app:1`;
      const args = ['copy', '--insecure-policy', '--src-tls-verify=false', from, `dir:${target}`];
      await runProgram(skopeo as string, args, { env: programEnvironment() });
      await cache.settled();
      expect(await readdir(target)).toContain(large.replace('sha256:', ''));
    }
    expect(hub().requests.count('cdn-get')).toBe(image.layers.length + 1);
    expect(
      cache.proxy.requests.some(({ operation, headers }) => operation === 'get' && headers.authorization === undefined),
    ).toBe(true);
  });

  it('is shared with another cache on the same bucket', async () => {
    await using first = await startCache({ storage: { redirect: { disable: true } } });
    await pull(first.blobUrl(middle));
    await first.settled();
    await using second = await startCache({ root: first.root, storage: { redirect: { disable: true } } });
    expect(await finish(await ask(second.blobUrl(middle)))).toMatchObject({
      status: 200,
      headers: { 'x-cache': 'HIT' },
    });
    expect(hub().requests.count('cdn-get')).toBe(1);
  });
});
