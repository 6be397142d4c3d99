import { randomUUID } from 'node:crypto';
import { describe } from 'vitest';

import { createGcsDriver } from '../../../src/storage/gcs/gcs.ts';
import { describeStorageDriver } from '../../storage/driver-contract.ts';
import { fakeGcsServer } from '../../support/fake-gcs-server.ts';
import { gcsOptions, sharedGcs } from './fake-gcs-server.ts';

const CHUNK_BYTES = 4 * 256 * 1024;

describe.skipIf(fakeGcsServer === undefined)('on fake-gcs-server:', () => {
  const server = sharedGcs();

  describeStorageDriver(
    'gcs',
    async () => {
      const options = gcsOptions(server().url, { rootDirectory: `/${randomUUID()}/`, chunkBytes: CHUNK_BYTES });
      const driver = await createGcsDriver(options);
      return { driver, [Symbol.asyncDispose]: () => driver.close() };
    },
    { objectsBelowObjects: true },
  );
});
