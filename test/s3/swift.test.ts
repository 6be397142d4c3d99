import { randomBytes, randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { createS3Driver } from '../../src/storage/s3/s3.ts';
import { describeStorageDriver } from '../storage/driver-contract.ts';
import { readAll } from '../../src/testing/read-source.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { s3Config } from './s3-config.ts';
import { findSwift, startSwift, SWIFT_ACCESS_KEY, SWIFT_BUCKET, SWIFT_SECRET_KEY, type SwiftServer } from './swift.ts';

const GET = { method: 'GET', clientAddress: undefined } as const;

const MIB = 1024 * 1024;
const found = await findSwift();
if ('missing' in found) console.warn(`OpenStack Swift is missing (${found.missing}): its tests are skipped`);

describe.skipIf('missing' in found)('an S3 that knows neither new checksums nor deletes without Content-MD5:', () => {
  let server: SwiftServer;
  beforeAll(async () => {
    if ('python' in found) server = await startSwift(found.python);
  });
  afterAll(() => server?.[Symbol.asyncDispose]());

  function createDriver() {
    const config = s3Config(server.url, {
      bucket: SWIFT_BUCKET,
      credentials: { accessKeyId: SWIFT_ACCESS_KEY, secretAccessKey: SWIFT_SECRET_KEY },
      rootDirectory: randomUUID(),
    });
    const driver = createS3Driver(config);
    return { driver, [Symbol.asyncDispose]: () => driver.close() };
  }

  describeStorageDriver('s3', async () => createDriver(), { objectsBelowObjects: true });

  it('takes an upload in parts, and moves it', async () => {
    await using made = createDriver();
    await using directory = await temporaryDirectory();
    const bytes = randomBytes(13 * MIB + 5);
    const local = join(directory.path, 'local');
    await writeFile(local, bytes);
    await made.driver.adopt(local, '/d/f');
    await made.driver.move('/d/f', '/d/g');
    expect((await readAll(await made.driver.open('/d/g'))).equals(bytes)).toBe(true);
    expect(await made.driver.list('/d')).toEqual(['g']);
  });

  it('honours URLs', async () => {
    await using made = createDriver();
    await made.driver.writeSmall('/f', Buffer.from('x'));
    expect(await (await fetch((await made.driver.redirectUrl('/f', GET)) as string)).text()).toBe('x');
  });
});
