import { describe, expect, it } from 'vitest';

import { redactedConfig } from '../../src/config/redact.ts';
import { load, problemsOf, warningsOf } from './config-file.ts';

const MIB = 1024 * 1024;

const file = (options: string, more = '') => `version: 0.1\nstorage:\n  s3: {${options}}\n${more}`;
const storageOf = async (text: string, env = {}) => (await load(text, env)).config.storage;

describe('storage.s3', () => {
  it('has the defaults of distribution on Amazon S3', async () => {
    const storage = await storageOf(file('bucket: b, region: eu-central-1'));
    expect(storage).toMatchObject({ redirect: true, tier: undefined, middleware: [] });
    expect(storage.driver).toEqual({
      kind: 's3',
      bucket: 'b',
      region: 'eu-central-1',
      endpoint: undefined,
      redirectEndpoint: undefined,
      forcePathStyle: false,
      credentials: undefined,
      encryption: undefined,
      tls: { insecure: false, caFile: undefined },
      chunkBytes: 10 * MIB,
      copy: { chunkBytes: 32 * MIB, maxConcurrent: 100, thresholdBytes: 32 * MIB, uniformParts: false },
      rootDirectory: '',
      storageClass: undefined,
      userAgent: undefined,
      dualStack: false,
      accelerate: false,
      fips: false,
      acl: undefined,
      logRequests: false,
      checksums: 'when_supported',
      abandonedAfterMs: 86_400_000,
    });
  });

  it('accepts every option of distribution, and those of Layover', async () => {
    const { driver } = await storageOf(
      `version: 0.1
storage:
  s3aws:
    accesskey: AKIA
    secretkey: "0123"
    region: garage
    regionendpoint: https://s3.corp:9000
    redirectendpoint: blobs.corp
    forcepathstyle: false
    bucket: b
    encrypt: true
    keyid: arn
    secure: true
    skipverify: true
    v4auth: true
    chunksize: 5242880
    multipartcopychunksize: 33554432
    multipartcopymaxconcurrency: 10
    multipartcopythresholdsize: 0
    rootdirectory: /a/b
    storageclass: intelligent_tiering
    useragent: corp
    usedualstack: true
    accelerate: false
    usefipsendpoint: true
    objectacl: bucket-owner-full-control
    loglevel: debugwithhttpbody
    cacert: /ca.pem
    checksums: when_supported
    abandonedafter: 2d
`,
    );
    expect(driver).toEqual({
      kind: 's3',
      bucket: 'b',
      region: 'garage',
      endpoint: 'https://s3.corp:9000',
      redirectEndpoint: 'https://blobs.corp',
      forcePathStyle: false,
      credentials: { accessKeyId: 'AKIA', secretAccessKey: '0123' },
      encryption: { keyId: 'arn' },
      tls: { insecure: true, caFile: '/ca.pem' },
      chunkBytes: 5 * MIB,
      copy: { chunkBytes: 32 * MIB, maxConcurrent: 10, thresholdBytes: 0, uniformParts: false },
      rootDirectory: '/a/b',
      storageClass: 'INTELLIGENT_TIERING',
      userAgent: 'corp',
      dualStack: true,
      accelerate: false,
      fips: true,
      acl: 'bucket-owner-full-control',
      logRequests: true,
      checksums: 'when_supported',
      abandonedAfterMs: 2 * 86_400_000,
    });
  });

  it.each([
    ['regionendpoint: "minio:9000"', 'https://minio:9000'],
    ['regionendpoint: "minio:9000", secure: false', 'http://minio:9000'],
    ['regionendpoint: "http://minio:9000"', 'http://minio:9000'],
    ['regionendpoint: "https://minio", secure: false', 'https://minio'],
  ])('{%s} uses %s, with the bucket in the path and no new checksums', async (options, endpoint) => {
    const { driver } = await storageOf(file(`bucket: b, ${options}`));
    expect(driver).toMatchObject({ endpoint, forcePathStyle: true, checksums: 'when_required', region: undefined });
  });

  it.each([
    ['storageclass: NONE', { storageClass: undefined }],
    ['storageclass: standard', { storageClass: 'STANDARD' }],
    ['objectacl: private', { acl: undefined }],
    ['loglevel: off', { logRequests: false }],
    ['loglevel: false', { logRequests: false }],
    ['encrypt: true', { encryption: { keyId: undefined } }],
  ])('{%s} is understood', async (options, expected) => {
    expect((await storageOf(file(`bucket: b, region: r, ${options}`))).driver).toMatchObject(expected);
  });

  it('is set by variables alone', async () => {
    const { driver } = await storageOf('version: 0.1\nstorage: inmemory\n', {
      REGISTRY_STORAGE: 's3',
      REGISTRY_STORAGE_S3_BUCKET: 'b',
      REGISTRY_STORAGE_S3_REGION: 'us-east-1',
      REGISTRY_STORAGE_S3_ACCESSKEY: 'a',
      REGISTRY_STORAGE_S3_SECRETKEY: 's',
    });
    expect(driver).toMatchObject({ kind: 's3', bucket: 'b', credentials: { accessKeyId: 'a', secretAccessKey: 's' } });
  });

  it.each([
    ['region: r', ['config.yml:3:7 storage.s3.bucket: is required']],
    ['bucket: b', ['config.yml:3:7 storage.s3.region: is required without a regionendpoint']],
    ['bucket: b, region: r, accesskey: a', ['config.yml:3:7 storage.s3.secretkey: is required with an accesskey']],
    ['bucket: b, region: r, secretkey: a', ['config.yml:3:7 storage.s3.accesskey: is required with a secretkey']],
    [
      'bucket: b, region: r, v4auth: false',
      ['config.yml:3:38 storage.s3.v4auth: must be true: requests are signed with version 4 only'],
    ],
    ['bucket: b, region: r, keyid: k', ['config.yml:3:37 storage.s3.keyid: has no effect without encrypt: true']],
    [
      'bucket: b, regionendpoint: m, accelerate: true',
      ['config.yml:3:50 storage.s3.accelerate: excludes a regionendpoint'],
    ],
    [
      'bucket: b, region: r, chunksize: 1000',
      ['config.yml:3:41 storage.s3.chunksize: must be a whole number from 5242880 to 2147483647'],
    ],
    [
      'bucket: b, region: r, bukcet: b',
      ['config.yml:3:30 storage.s3.bukcet: unknown key "bukcet", did you mean "bucket"?'],
    ],
    [
      'bucket: b, regionendpoint: "https://key:secret@minio"',
      [
        'config.yml:3:35 storage.s3.regionendpoint: must be a host such as minio.corp:9000, or an http or https URL without credentials, query and fragment',
      ],
    ],
  ])('{%s} is refused', async (options, problems) => {
    expect(await problemsOf(file(options))).toEqual(problems);
  });

  it('warns that Amazon S3 is never used without encryption', async () => {
    expect(await warningsOf(file('bucket: b, region: r, secure: false'))).toEqual([
      'config.yml:3:30 storage.s3.secure: has no effect: Amazon S3 always uses HTTPS',
    ]);
  });

  it('does not show its secret key', async () => {
    const { config } = await load(file('bucket: b, region: r, accesskey: a, secretkey: hidden-thing'));
    expect(JSON.stringify(redactedConfig(config))).not.toContain('hidden-thing');
  });
});

describe('redirects to the storage', () => {
  const S3 = 'bucket: b, region: r';
  it.each([
    ['s3', file(S3), true],
    ['s3, turned off', file(S3, '  redirect: {disable: true}\n'), false],
    ['s3 with a tier, which is used instead', file(S3, '  tier: {directory: /t}\n'), false],
    ['s3 with a tier, turned on', file(S3, '  tier: {directory: /t}\n  redirect: {disable: false}\n'), true],
    ['a driver without URLs', 'version: 0.1\nstorage: inmemory\n', false],
    [
      'a driver without URLs, with middleware that has them',
      'version: 0.1\nstorage: inmemory\nmiddleware: {storage: [{name: redirect, options: {baseurl: "https://cdn"}}]}\n',
      true,
    ],
  ])('of %s', async (_, text, redirect) => {
    expect((await storageOf(text)).redirect).toBe(redirect);
  });
});

describe('storage.tier', () => {
  it('has 10 GiB by default', async () => {
    const tierOf = async (tier: string) =>
      (await storageOf(`version: 0.1\nstorage: {inmemory: {}, tier: {${tier}}}\n`)).tier;
    expect(await tierOf('directory: /t')).toEqual({ directory: '/t', maxBytes: 10 * 1024 * MIB });
    expect(await tierOf('directory: /t, size: 1GiB')).toEqual({ directory: '/t', maxBytes: 1024 * MIB });
    expect(await problemsOf('version: 0.1\nstorage: {inmemory: {}, tier: {size: 1GiB}}\n')).toEqual([
      'config.yml:2:31 storage.tier.directory: is required',
    ]);
  });
});

describe('middleware.storage', () => {
  const middleware = (entries: string) => `version: 0.1\nstorage: inmemory\nmiddleware:\n  storage: [${entries}]\n`;

  it('is applied in order, without disabled entries', async () => {
    const text = middleware(
      [
        '{name: redirect, options: {baseurl: "https://a.example/b"}}',
        '{name: redirect, disabled: true, options: {baseurl: "https://off.example"}}',
        '{name: nonsense, disabled: true}',
        '{name: rewrite, options: {scheme: http, host: "h:1", trimpathprefix: /b}}',
        '{name: cloudfront, options: {baseurl: d1.cloudfront.net, privatekey: /k.pem, keypairid: K, duration: 5m}}',
        '{name: cloudfront, options: {baseurl: "http://d2/", privatekey: /k.pem, keypairid: K}}',
      ].join(', '),
    );
    const cloudfront = { kind: 'cloudfront', privateKeyFile: '/k.pem', keyPairId: 'K' };
    expect((await storageOf(text)).middleware).toEqual([
      { kind: 'redirect', baseUrl: 'https://a.example/b' },
      { kind: 'rewrite', scheme: 'http', host: 'h:1', trimPathPrefix: '/b' },
      { ...cloudfront, baseUrl: 'https://d1.cloudfront.net/', durationMs: 300_000, awsRanges: undefined },
      { ...cloudfront, baseUrl: 'http://d2/', durationMs: 1_200_000, awsRanges: undefined },
    ]);
    expect(await warningsOf(text)).toEqual([]);
  });

  it.each([
    ['{options: {}}', 'middleware.storage[0].name: is required'],
    ['{name: gzip}', 'middleware.storage[0].name: must be redirect, rewrite or cloudfront'],
    ['{name: redirect}', 'middleware.storage[0].options.baseurl: is required'],
    ['{name: redirect, options: {baseurl: a}}', 'middleware.storage[0].options.baseurl: must be an http or https URL'],
    [
      '{name: rewrite, options: {baseurl: "https://a"}}',
      'middleware.storage[0].options.baseurl: is not an option of rewrite',
    ],
    [
      '{name: cloudfront, options: {baseurl: a, keypairid: K}}',
      'middleware.storage[0].options.privatekey: is required',
    ],
    [
      '{name: cloudfront, options: {baseurl: a, privatekey: b, keypairid: c, ipfilteredby: awsregion, awsregion: ","}}',
      'middleware.storage[0].options.awsregion: is required when ipfilteredby is awsregion',
    ],
    [
      '{name: rewrite, options: {hots: a}}',
      'middleware.storage[0].options.hots: unknown key "hots", did you mean "host"?',
    ],
  ])('%s is refused', async (entry, problem) => {
    expect((await problemsOf(middleware(entry))).map((each) => each.replace(/^\S+ /, ''))).toEqual([problem]);
  });

  it('distinguishes clients by the addresses of AWS, like distribution', async () => {
    const filtered = async (options: string) => {
      const entry = `{name: cloudfront, options: {baseurl: a, privatekey: b, keypairid: K, ${options}}}`;
      const loaded = await load(middleware(entry));
      return loaded.config.storage.middleware[0];
    };
    const url = 'https://ip-ranges.amazonaws.com/ip-ranges.json';
    const intervalMs = 12 * 3_600_000;
    expect(await filtered('ipfilteredby: none')).toMatchObject({ awsRanges: undefined });
    expect(await filtered('ipfilteredby: AWS')).toMatchObject({ awsRanges: { url, regions: undefined, intervalMs } });
    expect(
      await filtered(
        'ipfilteredby: awsregion, awsregion: "us-east-1, EU-central-1,", iprangesurl: "http://r/", updatefrequency: 1h',
      ),
    ).toMatchObject({
      awsRanges: { url: 'http://r/', regions: ['us-east-1', 'eu-central-1'], intervalMs: 3_600_000 },
    });
    expect(await filtered('ipfilteredby: aws, updatefrenquency: 2h')).toMatchObject({
      awsRanges: { intervalMs: 7_200_000 },
    });
  });
});
