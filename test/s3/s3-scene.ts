import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll } from 'vitest';

import type { S3Config } from '../../src/config/config.ts';
import { createS3Driver } from '../../src/storage/s3/s3.ts';
import { s3Config } from './s3-config.ts';
import { startS3FaultProxy } from './s3-fault-proxy.ts';
import { findVersitygw, type S3Server, startVersitygw } from './versitygw.ts';

export const versitygw = await findVersitygw();
if (versitygw === undefined) console.warn('versitygw is missing: the tests of S3 are skipped');

/** One S3 server for all tests of a file. Call the result inside a test. */
export function sharedS3(): () => S3Server {
  let server: S3Server | undefined;
  beforeAll(async () => {
    if (versitygw !== undefined) server = await startVersitygw(versitygw);
  });
  afterAll(() => server?.[Symbol.asyncDispose]());
  return () => {
    if (server === undefined) throw new Error('asked for before the test began');
    return server;
  };
}

/** A driver in a root of its own, whose requests go through a proxy that can break them. */
export async function createFaultyDriver(server: S3Server, more: Partial<S3Config> = {}) {
  const proxy = await startS3FaultProxy(server.url);
  const config = s3Config(proxy.url, { rootDirectory: randomUUID(), ...more });
  const driver = createS3Driver(config);
  return {
    driver,
    proxy,
    config,
    async [Symbol.asyncDispose]() {
      await driver.close();
      await proxy[Symbol.asyncDispose]();
    },
  };
}
