import { describe, expect, it } from 'vitest';

import { load, problemsOf, warningsOf } from './config-file.ts';

const KEYS = 'accesskeyid: id, accesskeysecret: secret, bucket: images';
const file = (options: string) => `version: 0.1\nstorage:\n  oss: {${KEYS}, ${options}}\n`;
const driverOf = async (options: string) => (await load(file(options))).config.storage.driver;

describe('storage.oss', () => {
  it('is the S3 API of the region, with the bucket in the host name and no newer checksums', async () => {
    const { storage } = (await load(file('region: oss-cn-hangzhou'))).config;
    expect(storage.redirect).toBe(true);
    expect(storage.driver).toMatchObject({
      kind: 's3',
      bucket: 'images',
      region: 'cn-hangzhou',
      endpoint: 'https://s3.oss-cn-hangzhou.aliyuncs.com',
      forcePathStyle: false,
      credentials: { accessKeyId: 'id', secretAccessKey: 'secret' },
      checksums: 'when_required',
      chunkBytes: 10 * 1024 * 1024,
      encryption: undefined,
      rootDirectory: '',
    });
  });

  it.each([
    ['region: cn-x, internal: true', { endpoint: 'https://s3.oss-cn-x-internal.aliyuncs.com' }],
    ['region: cn-x, secure: false', { endpoint: 'http://s3.oss-cn-x.aliyuncs.com' }],
    ['region: cn-x, endpoint: images.oss-cn-x.aliyuncs.com', { endpoint: 'https://oss-cn-x.aliyuncs.com' }],
    ['region: cn-x, encrypt: true, encryptionkeyid: k', { encryption: { keyId: 'k' } }],
    ['region: cn-x, chunksize: 6000000, rootdirectory: /r', { chunkBytes: 6_000_000, rootDirectory: '/r' }],
  ])('honours {%s}', async (options, expected) => {
    expect(await driverOf(options)).toMatchObject(expected);
    expect(await warningsOf(file(options))).toEqual([]);
  });

  it.each([
    ['region: cn-x, endpoint: "host:port"', 'storage.oss.endpoint: must be a host'],
    ['region: cn-x, encryptionkeyid: k', 'storage.oss.encryptionkeyid: has no effect without encrypt: true'],
    ['region: cn-x, chunksize: 1000', 'storage.oss.chunksize: must be a whole number'],
  ])('refuses {%s}: %s', async (options, problem) => {
    expect(await problemsOf(file(options))).toEqual([expect.stringContaining(problem)]);
  });

  it('names the keys that are missing', async () => {
    expect(await problemsOf('version: 0.1\nstorage:\n  oss: {bucket: images, region: cn-x}\n')).toEqual([
      expect.stringContaining('storage.oss.accesskeyid: is required'),
      expect.stringContaining('storage.oss.accesskeysecret: is required'),
    ]);
  });
});

it('storage.swift is refused, with the driver that serves its container', async () => {
  expect(await problemsOf('version: 0.1\nstorage: {swift: {container: c}}\n')).toEqual([
    'config.yml:2:11 storage.swift: not supported by this version; use storage.s3 with the S3 API of the store, which serves the same container (see docs/storage-swift.md)',
  ]);
});
