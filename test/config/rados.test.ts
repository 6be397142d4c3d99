import { describe, expect, it } from 'vitest';

import { load, problemsOf, warningsOf } from './config-file.ts';

const MIB = 1024 * 1024;
const file = (options: string) => `version: 0.1\nstorage:\n  rados: {${options}}\n`;
const driverOf = async (text: string) => (await load(text)).config.storage.driver;

describe('storage.rados', () => {
  it('has the defaults of distribution, without redirects', async () => {
    const { storage } = (await load(file('poolname: registry'))).config;
    expect(storage.redirect).toBe(false);
    expect(storage.driver).toEqual({
      kind: 'rados',
      pool: 'registry',
      user: 'admin',
      chunkBytes: 4 * MIB,
      configFile: undefined,
      keyring: undefined,
      namespace: undefined,
      timeoutMs: 30_000,
      connectTimeoutMs: 10_000,
    });
  });

  it('accepts every option of distribution without a warning', async () => {
    const text = file('poolname: p, username: u, chunksize: 8388608');
    expect(await driverOf(text)).toMatchObject({ pool: 'p', user: 'u', chunkBytes: 8 * MIB });
    expect(await warningsOf(text)).toEqual([]);
  });

  it('accepts a namespace and timeouts', async () => {
    const text = file('poolname: p, namespace: mirror, timeout: 5s, connecttimeout: 1m');
    expect(await driverOf(text)).toMatchObject({ namespace: 'mirror', timeoutMs: 5_000, connectTimeoutMs: 60_000 });
  });

  it.each([
    ['', 'storage.rados.poolname: is required'],
    ['poolname: p, username: client.u', 'storage.rados.username: must be the name of a user without client.'],
    ['poolname: p, chunksize: 1000', 'storage.rados.chunksize: must be a whole number from 65536 to 67108864'],
    ['poolname: p, timeout: 0s', 'storage.rados.timeout: must be a duration'],
  ])('refuses {%s}', async (options, problem) => {
    expect(await problemsOf(file(options))).toEqual([expect.stringContaining(problem)]);
  });
});
