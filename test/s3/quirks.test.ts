import { randomBytes, randomUUID } from 'node:crypto';
import { CreateMultipartUploadCommand, ListMultipartUploadsCommand, S3Client } from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';

import type { S3Config } from '../../src/config/config.ts';
import { PathNotFoundError, type StorageDriver } from '../../src/storage/driver.ts';
import { createS3Driver } from '../../src/storage/s3/s3.ts';
import { readAll } from '../../src/testing/read-source.ts';
import { appendAndKeep, holding } from '../../src/testing/staging-steps.ts';
import {
  noCopiesIntoChecksums,
  noUploadLists,
  noUploadsByPrefix,
  type Quirk,
  shortNames,
  startQuirkyStore,
  uniformParts,
} from './quirky-store.ts';
import { s3Config } from './s3-config.ts';
import { sharedS3, versitygw } from './s3-scene.ts';
import { ACCESS_KEY, BUCKET, SECRET_KEY } from './versitygw.ts';

const MIB = 1024 * 1024;

describe.skipIf(versitygw === undefined)('stores with rules that others do not have', () => {
  const server = sharedS3();

  async function createDriver(quirks: readonly Quirk[], more: Partial<S3Config> = {}) {
    const store = await startQuirkyStore(server().url, quirks);
    const errors: string[] = [];
    const config = s3Config(store.url, { rootDirectory: randomUUID(), ...more });
    const driver = createS3Driver({ ...config, onBackgroundError: ({ message }) => errors.push(message) });
    return {
      driver,
      errors,
      async [Symbol.asyncDispose]() {
        await driver.close();
        await store[Symbol.asyncDispose]();
      },
    };
  }

  async function expectComposed(driver: StorageDriver, sizes: readonly number[]) {
    const pieces = sizes.map((size) => randomBytes(size));
    await driver.staging.create('/u/data');
    for (const piece of pieces) await appendAndKeep(driver, '/u/data', piece);
    await holding(driver, '/u/data', (staged) => staged.publish('/f'));
    expect((await readAll(await driver.open('/f'))).equals(Buffer.concat(pieces))).toBe(true);
  }

  it('are moved and composed in, where uploads with checksums take no copies', async () => {
    await using made = await createDriver([noCopiesIntoChecksums()], { checksums: 'when_supported' });
    const bytes = randomBytes(13 * MIB);
    await made.driver.writeSmall('/from', bytes);
    await made.driver.move('/from', '/to');
    expect((await readAll(await made.driver.open('/to'))).equals(bytes)).toBe(true);
    await expectComposed(made.driver, [6 * MIB, 5 * MIB, 3, 7 * MIB]);
  });

  it('have no file with a name that is too long for them', async () => {
    await using made = await createDriver([shortNames]);
    const path = `/d/${'n'.repeat(300)}`;
    await expect(made.driver.stat(path)).rejects.toThrow(PathNotFoundError);
    await expect(made.driver.open(path)).rejects.toThrow(PathNotFoundError);
    await expect(made.driver.readSmall(path, 10)).rejects.toThrow(PathNotFoundError);
  });

  it('get parts of one size', async () => {
    const copy = { chunkBytes: 5 * MIB, maxConcurrent: 4, thresholdBytes: 5 * MIB, uniformParts: true };
    await using made = await createDriver([uniformParts()], { copy });
    await expectComposed(made.driver, [6 * MIB, 5 * MIB, 3, 11 * MIB + 7, 1]);
    await made.driver.writeSmall('/from', Buffer.alloc(12 * MIB));
    await made.driver.move('/from', '/to');
    expect((await made.driver.stat('/to')).size).toBe(12 * MIB);
  });

  it('list abandoned uploads only for the whole bucket', async () => {
    const rootDirectory = randomUUID();
    const [mine, other] = [`${rootDirectory}/f`, `${randomUUID()}/f`];
    const client = new S3Client({
      endpoint: server().url,
      region: 'us-east-1',
      forcePathStyle: true,
      credentials: { accessKeyId: ACCESS_KEY, secretAccessKey: SECRET_KEY },
    });
    for (const Key of [mine, other]) await client.send(new CreateMultipartUploadCommand({ Bucket: BUCKET, Key }));
    await using made = await createDriver([noUploadsByPrefix], { rootDirectory, abandonedAfterMs: 0 });
    const keys = async () =>
      (await client.send(new ListMultipartUploadsCommand({ Bucket: BUCKET }))).Uploads?.map(({ Key }) => Key);
    await expect.poll(keys).not.toContain(mine);
    expect(await keys()).toContain(other);
    expect(made.errors).toEqual([]);
  });

  it('without lists of uploads are reported once', async () => {
    await using made = await createDriver([noUploadLists], { abandonedAfterMs: 1_000 });
    await expect.poll(() => made.errors.length).toBe(1);
    await made.driver.writeSmall('/f', Buffer.from('x'));
    expect(made.errors).toEqual([expect.stringContaining('NotImplemented (501)')]);
  });
});
