import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe } from 'vitest';

import { createS3Driver } from '../../src/storage/s3/s3.ts';
import { describeStorageDriver } from '../storage/driver-contract.ts';
import { s3Config } from './s3-config.ts';
import { findVersitygw, type S3Server, startVersitygw } from './versitygw.ts';

const program = await findVersitygw();
if (program === undefined) console.warn('versitygw is missing: the tests of the S3 driver are skipped');

describe.skipIf(program === undefined).each(['when_required', 'when_supported'] as const)(
  'checksums %s:',
  (checksums) => {
    let server: S3Server;
    beforeAll(async () => {
      server = await startVersitygw(program as string);
    });
    afterAll(() => server[Symbol.asyncDispose]());

    describeStorageDriver('s3', async () => {
      const config = s3Config(server.url, { rootDirectory: `/${randomUUID()}/`, checksums });
      const driver = createS3Driver(config);
      return { driver, [Symbol.asyncDispose]: () => driver.close() };
    });
  },
);
