import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll } from 'vitest';

import { createGcsDriver } from '../../../src/storage/gcs/gcs.ts';
import { describeStorageDriver } from '../driver-contract.ts';
import { BUCKET, FakeGcs } from './fake-gcs.ts';

let fake: FakeGcs;
beforeAll(async () => {
  fake = await FakeGcs.start();
});
afterAll(() => fake[Symbol.asyncDispose]());

describeStorageDriver(
  'gcs',
  async () => {
    const driver = await createGcsDriver({
      bucket: BUCKET,
      endpoint: fake.url,
      credentials: { kind: 'anonymous' },
      rootDirectory: `/${randomUUID()}/`,
      chunkBytes: 1024 * 1024,
    });
    return { driver, [Symbol.asyncDispose]: () => driver.close() };
  },
  { objectsBelowObjects: true },
);
