import { randomBytes, randomUUID } from 'node:crypto';
import { access, appendFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CreateMultipartUploadCommand, ListMultipartUploadsCommand, S3Client } from '@aws-sdk/client-s3';
import { describe, expect, it } from 'vitest';

import type { S3Config } from '../../src/config/config.ts';
import { PathNotFoundError } from '../../src/storage/driver.ts';
import { createS3Driver } from '../../src/storage/s3/s3.ts';
import { readAll } from '../../src/testing/read-source.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { s3Config } from './s3-config.ts';
import { createFaultyDriver, sharedS3, versitygw } from './s3-scene.ts';
import { ACCESS_KEY, SECRET_KEY } from './versitygw.ts';

const MIB = 1024 * 1024;

describe.skipIf(versitygw === undefined)('an upload to S3', () => {
  const s3 = sharedS3();

  it.each(['when_required', 'when_supported'] as const)(
    'sends parts while the file grows, and shows nothing before it is finished (checksums %s)',
    async (checksums) => {
      await using made = await createFaultyDriver(s3(), { checksums });
      await using directory = await temporaryDirectory();
      const { driver, proxy } = made;
      const bytes = randomBytes(23 * MIB + 17);
      const local = join(directory.path, 'growing');
      await writeFile(local, '');
      const adoption = driver.startAdoption?.(local, '/d/f', { size: bytes.length });
      for (let end = 0; end < bytes.length; ) {
        const start = end;
        end = Math.min(start + MIB, bytes.length);
        await appendFile(local, bytes.subarray(start, end));
        adoption?.available(end);
      }
      await expect.poll(() => proxy.count('part')).toBe(5);
      await expect(driver.stat('/d/f')).rejects.toThrow(PathNotFoundError);
      await expect(driver.list('/d')).rejects.toThrow(PathNotFoundError);

      await adoption?.finish();
      expect((await readAll(await driver.open('/d/f'))).equals(bytes)).toBe(true);
      await expect(access(local)).rejects.toThrow('ENOENT');
    },
  );

  it('sends the parts that are full before the rest of the file is there', async () => {
    await using made = await createFaultyDriver(s3());
    await using directory = await temporaryDirectory();
    const local = join(directory.path, 'growing');
    await writeFile(local, Buffer.alloc(11 * MIB));
    const adoption = made.driver.startAdoption?.(local, '/f', { size: 100 * MIB });
    adoption?.available(11 * MIB);
    await expect.poll(() => made.proxy.count('part')).toBe(2);
    await adoption?.abort();
    await adoption?.abort();
    expect(await uploadsOf(made.config)).toEqual([]);
    await expect(access(local)).resolves.toBeUndefined();
  });

  it('of a file that is shorter than was said is refused, and leaves nothing', async () => {
    await using made = await createFaultyDriver(s3());
    await using directory = await temporaryDirectory();
    const local = join(directory.path, 'short');
    await writeFile(local, Buffer.alloc(7 * MIB));
    const adoption = made.driver.startAdoption?.(local, '/f', { size: 8 * MIB });
    adoption?.available(7 * MIB);
    await expect(adoption?.finish()).rejects.toThrow('the local file has only 7340032 bytes');
    await expect(made.driver.stat('/f')).rejects.toThrow(PathNotFoundError);
    expect(await uploadsOf(made.config)).toEqual([]);
  });

  it('of a small file is one request', async () => {
    await using made = await createFaultyDriver(s3());
    await using directory = await temporaryDirectory();
    const local = join(directory.path, 'small');
    await writeFile(local, Buffer.alloc(MIB));
    expect(made.driver.startAdoption?.(local, '/f', { size: MIB })).toBeUndefined();
    await made.driver.adopt(local, '/f');
    expect(made.proxy.requests.map(({ operation }) => operation).filter((each) => each !== 'list-uploads')).toEqual([
      'put',
    ]);
  });

  it('goes on although many others are under way', async () => {
    await using made = await createFaultyDriver(s3());
    await using directory = await temporaryDirectory();
    const files = Array.from({ length: 12 }, (_, i) => ({ path: `/d/f${i}`, bytes: randomBytes(6 * MIB + i) }));
    await Promise.all(
      files.map(async ({ path, bytes }) => {
        const local = join(directory.path, randomUUID());
        await writeFile(local, bytes);
        await made.driver.adopt(local, path);
      }),
    );
    for (const { path, bytes } of files) {
      expect((await readAll(await made.driver.open(path))).equals(bytes)).toBe(true);
    }
  });

  it('that nobody finished is removed by whoever starts later, and a push of distribution is not', async () => {
    const config = s3Config(s3().url, { rootDirectory: `/${randomUUID()}`, abandonedAfterMs: 0 });
    await startUpload(config, 'docker/registry/v2/blobs/sha256/aa/aa/data');
    await startUpload(config, 'docker/registry/v2/repositories/a/_uploads/1/data');
    const other = { ...config, rootDirectory: randomUUID() };
    await startUpload(other, 'f');
    const young = createS3Driver({ ...config, abandonedAfterMs: 60_000 });
    await young.stat('/');
    await young.close();
    expect(await uploadsOf(config)).toHaveLength(2);

    const removed: number[] = [];
    const driver = createS3Driver({ ...config, onAbandonedRemoved: (count) => removed.push(count) });
    await expect.poll(() => removed).toEqual([1]);
    await driver.close();
    expect(await uploadsOf(config)).toEqual([
      `${config.rootDirectory.slice(1)}/docker/registry/v2/repositories/a/_uploads/1/data`,
    ]);
    expect(await uploadsOf(other)).toHaveLength(1);
  });
});

describe.skipIf(versitygw === undefined)('a move within S3', () => {
  const s3 = sharedS3();

  it.each(['when_required', 'when_supported'] as const)(
    'copies a large object in parts and does not send its bytes (checksums %s)',
    async (checksums) => {
      await using made = await createFaultyDriver(s3(), { checksums });
      const { driver, proxy } = made;
      const bytes = randomBytes(13 * MIB);
      await driver.writeSmall('/from/a:b+c@d', bytes);
      await driver.move('/from/a:b+c@d', '/to/f');
      expect((await readAll(await driver.open('/to/f'))).equals(bytes)).toBe(true);
      await expect(driver.stat('/from')).rejects.toThrow(PathNotFoundError);
      expect(proxy.count('part')).toBe(3);
      expect(await uploadsOf(made.config)).toEqual([]);
    },
  );

  it('leaves both as they were when a part cannot be copied', async () => {
    await using made = await createFaultyDriver(s3());
    const { driver, proxy } = made;
    await driver.writeSmall('/from', Buffer.alloc(13 * MIB));
    await driver.writeSmall('/to', Buffer.from('old'));
    proxy.fail('part', { kind: 'error', status: 403, code: 'AccessDenied' });
    await expect(driver.move('/from', '/to')).rejects.toThrow('AccessDenied (403)');
    expect(String(await driver.readSmall('/to', 10))).toBe('old');
    expect((await driver.stat('/from')).size).toBe(13 * MIB);
    expect(await uploadsOf(made.config)).toEqual([]);
  });
});

function clientOf({ endpoint }: S3Config): S3Client {
  return new S3Client({
    endpoint: endpoint as string,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: ACCESS_KEY, secretAccessKey: SECRET_KEY },
  });
}

async function startUpload(config: S3Config, key: string): Promise<void> {
  const Key = `${config.rootDirectory.replace(/^\//, '')}/${key}`;
  await clientOf(config).send(new CreateMultipartUploadCommand({ Bucket: config.bucket, Key }));
}

/** Keys of unfinished uploads. */
async function uploadsOf(config: S3Config): Promise<string[]> {
  const Prefix = config.rootDirectory.replace(/^\//, '');
  const { Uploads = [] } = await clientOf(config).send(
    new ListMultipartUploadsCommand({ Bucket: config.bucket, Prefix }),
  );
  return Uploads.map(({ Key = '' }) => Key);
}
