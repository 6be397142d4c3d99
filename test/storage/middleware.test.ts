import { generateKeyPairSync, verify } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import type { StorageDriver } from '../../src/storage/driver.ts';
import { createStorage } from '../../src/storage/index.ts';
import { createInmemoryDriver } from '../../src/storage/inmemory/inmemory.ts';
import { type StorageMiddlewareOptions, withMiddleware } from '../../src/storage/middleware/index.ts';
import { BufferPool } from '../../src/stream/buffer-pool.ts';
import { startServer } from '../support/start-server.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { describeStorageDriver } from './driver-contract.ts';

const GET = { method: 'GET', clientAddress: undefined } as const;
const HEAD = { method: 'HEAD', clientAddress: undefined } as const;

const PATH = '/docker/registry/v2/blobs/sha256/ab/abcd/data';

/** A driver with URLs and keys, like one for an object store. */
function objectStore(): StorageDriver {
  const files = createInmemoryDriver();
  return {
    name: files.name,
    spoolDirectory: undefined,
    staging: files.staging,
    stat: (path) => files.stat(path),
    open: (path) => files.open(path),
    readSmall: (path, maxBytes) => files.readSmall(path, maxBytes),
    writeSmall: (path, bytes) => files.writeSmall(path, bytes),
    adopt: (localFile, path) => files.adopt(localFile, path),
    list: (path) => files.list(path),
    move: (from, to) => files.move(from, to),
    delete: (path) => files.delete(path),
    deleteEmpty: (path) => files.deleteEmpty(path),
    redirectUrl: async (path, { method }) => `https://s3.example/bucket/root${path}?method=${method}&signature=a%2Bb`,
    objectKey: (path) => `root${path}`,
    close: () => files.close(),
  };
}

const REWRITE = { kind: 'rewrite', scheme: undefined, host: undefined, trimPathPrefix: undefined } as const;

describe('storage middleware', () => {
  it.each([
    ['https://cdn.example', `https://cdn.example${PATH}`],
    ['http://cdn.example:8080/', `http://cdn.example:8080${PATH}`],
    ['https://cdn.example/some/base/', `https://cdn.example/some/base${PATH}`],
  ])('redirect sends clients to %s followed by the path, for every driver', async (baseUrl, url) => {
    for (const driver of [createInmemoryDriver(), objectStore()]) {
      const wrapped = await withMiddleware(driver, [{ kind: 'redirect', baseUrl }]);
      expect(await wrapped.redirectUrl(PATH, GET)).toBe(url);
      expect(await wrapped.redirectUrl(PATH, HEAD)).toBe(url);
    }
  });

  const QUERY = '?method=GET&signature=a%2Bb';
  it.each<[Partial<StorageMiddlewareOptions>, string]>([
    [{}, `https://s3.example/bucket/root${PATH}${QUERY}`],
    [{ scheme: 'http' }, `http://s3.example/bucket/root${PATH}${QUERY}`],
    [{ host: 'cdn.example:8443' }, `https://cdn.example:8443/bucket/root${PATH}${QUERY}`],
    [{ trimPathPrefix: '/bucket' }, `https://s3.example/root${PATH}${QUERY}`],
    [{ trimPathPrefix: '/elsewhere' }, `https://s3.example/bucket/root${PATH}${QUERY}`],
    [{ scheme: 'http', host: 'cdn', trimPathPrefix: '/bucket/' }, `http://cdn/root${PATH}${QUERY}`],
  ])('rewrite changes %j of the URL and keeps its query', async (options, url) => {
    const wrapped = await withMiddleware(objectStore(), [{ ...REWRITE, ...options } as StorageMiddlewareOptions]);
    expect(await wrapped.redirectUrl(PATH, GET)).toBe(url);
  });

  it('rewrite leaves a driver without URLs without URLs', async () => {
    const wrapped = await withMiddleware(createInmemoryDriver(), [{ ...REWRITE, host: 'cdn' }]);
    expect(await wrapped.redirectUrl(PATH, GET)).toBeUndefined();
  });

  it('is applied to the result of the one before it', async () => {
    const redirect = { kind: 'redirect', baseUrl: 'https://one.example/base' } as const;
    const rewrite = { ...REWRITE, host: 'two.example', trimPathPrefix: '/base' };
    const wrapped = await withMiddleware(createInmemoryDriver(), [redirect, rewrite]);
    expect(await wrapped.redirectUrl(PATH, GET)).toBe(`https://two.example${PATH}`);
  });

  it.each(['pkcs1', 'pkcs8'] as const)('cloudfront signs a URL of limited validity, with a key in %s', async (type) => {
    await using directory = await temporaryDirectory();
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const privateKeyFile = join(directory.path, 'key.pem');
    await writeFile(privateKeyFile, privateKey.export({ type, format: 'pem' }));
    const cloudfront = { kind: 'cloudfront', baseUrl: 'https://d1.cloudfront.net/', privateKeyFile } as const;
    const options = { ...cloudfront, keyPairId: 'K123', durationMs: 60_000, awsRanges: undefined };
    const wrapped = await withMiddleware(objectStore(), [options]);

    const url = new URL((await wrapped.redirectUrl(PATH, GET)) as string);
    expect(`${url.origin}${url.pathname}`).toBe(`https://d1.cloudfront.net/root${PATH}`);
    const expires = Number(url.searchParams.get('Expires'));
    expect(Math.abs(expires - Date.now() / 1000 - 60)).toBeLessThan(10);
    expect(url.searchParams.get('Key-Pair-Id')).toBe('K123');
    const signature = (url.searchParams.get('Signature') as string).replaceAll('-', '+').replaceAll('_', '=');
    const resource = `https://d1.cloudfront.net/root${PATH}`;
    const policy = JSON.stringify({
      Statement: [{ Resource: resource, Condition: { DateLessThan: { 'AWS:EpochTime': expires } } }],
    });
    const bytes = Buffer.from(signature.replaceAll('~', '/'), 'base64');
    expect(verify('RSA-SHA1', Buffer.from(policy), publicKey, bytes)).toBe(true);
  });

  it('cloudfront does not redirect clients within AWS, which use the storage', async () => {
    await using directory = await temporaryDirectory();
    await using server = await startServer((_req, res) => {
      res.end(JSON.stringify({ prefixes: [{ ip_prefix: '3.5.140.0/22', region: 'ap-northeast-2' }] }));
    });
    const privateKeyFile = join(directory.path, 'key.pem');
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    await writeFile(privateKeyFile, privateKey.export({ type: 'pkcs8', format: 'pem' }));
    const cloudfront = { kind: 'cloudfront', baseUrl: 'https://d1/', privateKeyFile, keyPairId: 'K' } as const;
    const awsRanges = { url: server.url, regions: undefined, intervalMs: 60_000 };
    const wrapped = await withMiddleware(objectStore(), [{ ...cloudfront, durationMs: 1000, awsRanges }]);
    const hostFor = async (clientAddress: string | undefined) =>
      new URL((await wrapped.redirectUrl(PATH, { method: 'GET', clientAddress })) as string).host;

    await expect.poll(() => hostFor('3.5.141.1')).toBe('s3.example');
    expect(await hostFor('203.0.113.7')).toBe('d1');
    expect(await hostFor(undefined)).toBe('d1');
    await wrapped.close();
  });

  it('cloudfront does not change URLs of a driver without object keys', async () => {
    await using directory = await temporaryDirectory();
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const privateKeyFile = join(directory.path, 'key.pem');
    await writeFile(privateKeyFile, privateKey.export({ type: 'pkcs8', format: 'pem' }));
    const cloudfront = { kind: 'cloudfront', baseUrl: 'https://d/', privateKeyFile, keyPairId: 'K' } as const;
    const wrapped = await withMiddleware(createInmemoryDriver(), [
      { ...cloudfront, durationMs: 1000, awsRanges: undefined },
    ]);
    expect(await wrapped.redirectUrl(PATH, GET)).toBeUndefined();
  });

  it('cloudfront without its key fails with the name of the file', async () => {
    await using directory = await temporaryDirectory();
    const privateKeyFile = join(directory.path, 'key.pem');
    const cloudfront = { kind: 'cloudfront', baseUrl: 'https://d/', privateKeyFile, keyPairId: 'K' } as const;
    const create = () =>
      createStorage(
        {
          driver: { kind: 'inmemory' },
          tier: undefined,
          middleware: [{ ...cloudfront, durationMs: 1000, awsRanges: undefined }],
        },
        { buffers: new BufferPool() },
      );
    await expect(create()).rejects.toThrow(`${privateKeyFile} cannot be used (ENOENT)`);
    await writeFile(privateKeyFile, 'not a key');
    await expect(create()).rejects.toThrow(`${privateKeyFile} cannot be used`);
  });
});

describeStorageDriver('inmemory (behind middleware)', async () => {
  const driver = await withMiddleware(createInmemoryDriver(), [{ kind: 'redirect', baseUrl: 'https://cdn.example' }]);
  return { driver, [Symbol.asyncDispose]: () => driver.close() };
});
