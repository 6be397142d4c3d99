import { describe, expect, it } from 'vitest';

import { redactedConfig } from '../../src/config/redact.ts';
import { load, problemsOf, warningsOf } from './config-file.ts';

const MIB = 1024 * 1024;
const file = (options: string, more = '') => `version: 0.1\nstorage:\n  gcs: {${options}}\n${more}`;
const driverOf = async (text: string, env = {}) => (await load(text, env)).config.storage.driver;

describe('storage.gcs', () => {
  it('has the defaults of distribution, with redirects', async () => {
    const { storage } = (await load(file('bucket: b'))).config;
    expect(storage).toMatchObject({ redirect: true, tier: undefined });
    expect(storage.driver).toEqual({
      kind: 'gcs',
      bucket: 'b',
      credentials: { kind: 'metadata', host: undefined },
      endpoint: undefined,
      rootDirectory: '',
      chunkBytes: 16 * MIB,
      userAgent: undefined,
    });
  });

  it('accepts every option of distribution, and warns about the one without effect', async () => {
    const text = file(
      'bucket: b, keyfile: /etc/key.json, rootdirectory: /mirror, chunksize: 5242880, maxconcurrency: 60, useragent: x/1',
    );
    expect(await driverOf(text)).toMatchObject({
      credentials: { kind: 'file', path: '/etc/key.json' },
      rootDirectory: '/mirror',
      chunkBytes: 5 * MIB,
      userAgent: 'x/1',
    });
    expect(await warningsOf(text)).toEqual([
      'config.yml:3:88 storage.gcs.maxconcurrency: not honoured by this version: requests are not limited',
    ]);
  });

  it('takes the fields of a key file, and shows none of them', async () => {
    const fields = '{type: service_account, client_email: a@b.example, private_key: "secret of the key"}';
    const { config } = await load(file(`bucket: b, credentials: ${fields}`));
    expect(config.storage.driver).toMatchObject({
      credentials: { kind: 'inline', fields: { client_email: 'a@b.example', private_key: 'secret of the key' } },
    });
    expect(JSON.stringify(redactedConfig(config))).not.toContain('secret of the key');
  });

  it("finds Google's default credentials like its libraries", async () => {
    const env = { GOOGLE_APPLICATION_CREDENTIALS: '/run/adc.json' };
    expect(await driverOf(file('bucket: b'), env)).toMatchObject({
      credentials: { kind: 'file', path: '/run/adc.json' },
    });
    expect(await driverOf(file('bucket: b'), { GCE_METADATA_HOST: '127.0.0.1:80' })).toMatchObject({
      credentials: { kind: 'metadata', host: '127.0.0.1:80' },
    });
    expect(await driverOf(file('bucket: b, anonymous: true'), env)).toMatchObject({
      credentials: { kind: 'anonymous' },
    });
  });

  it.each([
    ['', 'storage.gcs.bucket: is required'],
    ['bucket: "gs://registry"', 'storage.gcs.bucket: must be the name of a bucket, without gs:// and a path'],
    ['bucket: b, chunksize: 300000', 'storage.gcs.chunksize: must be a multiple of 262144'],
    ['bucket: b, chunksize: 1000', 'storage.gcs.chunksize: must be a whole number from 262144 to 2147483647'],
    ['bucket: b, endpoint: host', 'storage.gcs.endpoint: must be an http or https URL without a path'],
    [
      'bucket: b, credentials: {type: external_account}',
      'storage.gcs.credentials: must have the type service_account or authorized_user',
    ],
    [
      'bucket: b, keyfile: /k, credentials: {type: service_account}',
      'storage.gcs.credentials: excludes keyfile (remove one of them)',
    ],
    ['bucket: b, keyfile: /k, anonymous: true', 'storage.gcs.anonymous: excludes keyfile and credentials'],
  ])('with {%s} is refused: %s', async (options, problem) => {
    expect(await problemsOf(file(options))).toEqual([expect.stringContaining(problem)]);
  });
});
