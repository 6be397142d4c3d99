import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';

import type { StorageDriver } from '../../src/storage/driver.ts';
import { createS3Driver } from '../../src/storage/s3/s3.ts';
import { type StagedFile, StagedFileHeldError } from '../../src/storage/staging.ts';
import { readAll } from '../../src/testing/read-source.ts';
import { s3Config } from './s3-config.ts';
import { createFaultyDriver, sharedS3, versitygw } from './s3-scene.ts';

const MIB = 1024 * 1024;
const PATH = '/u/1/data';

async function holding<T>(driver: StorageDriver, work: (staged: StagedFile) => Promise<T>): Promise<T> {
  const staged = await driver.staging.hold(PATH);
  try {
    return await work(staged);
  } finally {
    await staged.release();
  }
}

const add = (driver: StorageDriver, bytes: Buffer) =>
  holding(driver, async (staged) => {
    await staged.write([bytes]);
    await staged.keep();
  });

describe.skipIf(versitygw === undefined)('files that grow in S3', () => {
  const server = sharedS3();

  /** Two processes with the same bucket. */
  async function startReplicas() {
    const faulty = await createFaultyDriver(server());
    const second = createS3Driver(s3Config(server().url, { rootDirectory: faulty.config.rootDirectory }));
    await faulty.driver.staging.create(PATH);
    return {
      first: faulty.driver,
      second,
      async [Symbol.asyncDispose]() {
        await second.close();
        await faulty[Symbol.asyncDispose]();
      },
    };
  }

  it('go on at another process, piece by piece', async () => {
    await using replicas = await startReplicas();
    const { first, second } = replicas;
    const pieces = [7 * MIB, 3, 6 * MIB, 5].map((size) => randomBytes(size));
    for (const [i, piece] of pieces.entries()) await add(i % 2 === 0 ? first : second, piece);
    expect(await first.staging.size(PATH)).toBe(Buffer.concat(pieces).length);
    await holding(first, (staged) => staged.publish('/blob/data'));
    expect((await readAll(await second.open('/blob/data'))).equals(Buffer.concat(pieces))).toBe(true);
  });

  it('take one piece of two that are sent at once, and the other is told so', async () => {
    await using replicas = await startReplicas();
    const { first, second } = replicas;
    await add(first, Buffer.from('begun, '));
    const slow = await first.staging.hold(PATH);
    await slow.write([randomBytes(6 * MIB)]);
    await add(second, Buffer.from('fast'));
    await expect(slow.keep()).rejects.toThrow(StagedFileHeldError);
    await slow.release();
    await holding(first, (staged) => staged.publish('/blob/data'));
    expect(String(await readAll(await second.open('/blob/data')))).toBe('begun, fast');
  });

  it('are of one writer alone, also when two were faster than each could see', async () => {
    await using replicas = await startReplicas();
    const { first, second } = replicas;
    await add(first, Buffer.from('begun, '));
    const [a, b] = [await first.staging.hold(PATH), await second.staging.hold(PATH)];
    const [alpha, beta] = [Buffer.alloc(6 * MIB, 'a'), Buffer.alloc(6 * MIB, 'b')];
    await Promise.all([a.write([alpha]), b.write([beta])]);
    const kept = await Promise.allSettled([a.keep(), b.keep()]);
    expect(kept.some(({ status }) => status === 'fulfilled')).toBe(true);
    await Promise.all([a.release(), b.release()]);
    await holding(second, (staged) => staged.publish('/blob/data'));
    const bytes = await readAll(await first.open('/blob/data'));
    const either = [alpha, beta].map((end) => Buffer.concat([Buffer.from('begun, '), end]));
    expect(either.some((expected) => expected.equals(bytes))).toBe(true);
  });

  it('show nothing of a piece that was given up', async () => {
    await using replicas = await startReplicas();
    const { first } = replicas;
    await holding(first, async (staged) => {
      for (let i = 0; i < 24; i++) await staged.write([Buffer.alloc(MIB, i)]);
    });
    expect(await first.staging.size(PATH)).toBe(0);
    expect(await first.list('/u/1')).toEqual(['data']);
  });
});
