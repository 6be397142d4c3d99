import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { expect, it } from 'vitest';

import { PathNotFoundError, type StorageDriver } from '../../src/storage/driver.ts';
import { type StagedFile, StagedFileHeldError } from '../../src/storage/staging.ts';
import type { DriverUnderTest } from './driver-under-test.ts';
import { readAll } from './read-source.ts';

const MIB = 1024 * 1024;

/** The contract of every driver for files that grow by chunks. */
export function describeStaging(create: () => Promise<DriverUnderTest>): void {
  it('publishes an empty staged file', async () => {
    await using made = await create();
    const { driver } = made;
    await driver.staging.create('/u/1/data');
    expect(await driver.staging.size('/u/1/data')).toBe(0);
    await holding(driver, '/u/1/data', (staged) => staged.publish('/blob/data'));
    expect(await driver.stat('/blob/data')).toMatchObject({ isDirectory: false, size: 0 });
  });

  it('publishes chunks of all sizes, each kept before the next, and replaces an existing file', async () => {
    await using made = await create();
    const { driver } = made;
    await driver.writeSmall('/blob/data', Buffer.from('older'));
    await driver.staging.create('/u/1/data');
    const pieces = [6 * MIB, 100, 5 * MIB + 1, 2 * MIB, 4 * MIB, 1].map((size) => randomBytes(size));
    for (const piece of pieces) await add(driver, piece);
    expect(await driver.staging.size('/u/1/data')).toBe(Buffer.concat(pieces).length);
    expect(String(await driver.readSmall('/blob/data', 10))).toBe('older');
    await holding(driver, '/u/1/data', (staged) => staged.publish('/blob/data'));
    expect((await readAll(await driver.open('/blob/data'))).equals(Buffer.concat(pieces))).toBe(true);
  });

  it('publishes written bytes that were not kept before', async () => {
    await using made = await create();
    const bytes = randomBytes(12 * MIB);
    await made.driver.staging.create('/u/1/data');
    await add(made.driver, bytes.subarray(0, 10));
    await holding(made.driver, '/u/1/data', async (staged) => {
      for (let i = 10; i < bytes.length; i += MIB)
        await staged.write([bytes.subarray(i, i + 7), bytes.subarray(i + 7, i + MIB)]);
      await staged.publish('/blob/data');
    });
    expect((await readAll(await made.driver.open('/blob/data'))).equals(bytes)).toBe(true);
  });

  it('has the kept bytes and no others, however they are split', async () => {
    await using made = await create();
    const { driver } = made;
    const piece = fc.record({ bytes: fc.uint8Array({ maxLength: 300 }), isKept: fc.boolean() });
    let files = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 8 }), async (pieces) => {
        const path = `/u/p${files++}/data`;
        await driver.staging.create(path);
        let expected = Buffer.alloc(0);
        const versions: { version: string; size: number }[] = [];
        for (const { bytes, isKept } of pieces) {
          await holding(driver, path, async (staged) => {
            expect(staged.size).toBe(expected.length);
            expect((await collect(staged, 0)).equals(expected)).toBe(true);
            const start = expected.length >> 1;
            expect((await collect(staged, start)).equals(expected.subarray(start))).toBe(true);
            await staged.write([Buffer.from(bytes)]);
            if (!isKept) return;
            await staged.keep();
            expected = Buffer.concat([expected, bytes]);
            expect(versions.every(({ version }) => staged.startsWith(version))).toBe(true);
            const same = versions.filter(({ version }) => version === staged.version);
            expect(same.every(({ size }) => size === expected.length)).toBe(true);
            versions.push({ version: staged.version, size: expected.length });
          });
          expect(await driver.staging.size(path)).toBe(expected.length);
        }
        await holding(driver, path, (staged) => staged.publish('/blob/split'));
        expect((await readAll(await driver.open('/blob/split'))).equals(expected)).toBe(true);
      }),
      { numRuns: 15 },
    );
  });

  it('allows one holder of a staged file at a time', async () => {
    await using made = await create();
    const { driver } = made;
    await driver.staging.create('/u/1/data');
    const first = await driver.staging.hold('/u/1/data');
    await expect(driver.staging.hold('/u/1/data')).rejects.toThrow(StagedFileHeldError);
    await first.write([Buffer.from('x')]);
    expect(await driver.staging.size('/u/1/data')).toBeLessThanOrEqual(1);
    await first.release();
    await first.release();
    const second = await driver.staging.hold('/u/1/data');
    await first.release();
    await expect(driver.staging.hold('/u/1/data')).rejects.toThrow(StagedFileHeldError);
    expect(second.size).toBe(0);
    await second.keep();
  });

  it('rejects a missing staged file with PathNotFoundError', async () => {
    await using made = await create();
    await expect(made.driver.staging.hold('/u/none/data')).rejects.toThrow(PathNotFoundError);
    await expect(made.driver.staging.size('/u/none/data')).rejects.toThrow(PathNotFoundError);
  });

  it('deletes a staged file with its directory, also a held one', async () => {
    await using made = await create();
    const { driver } = made;
    await driver.staging.create('/u/1/data');
    await add(driver, Buffer.from('kept'));
    const staged = await driver.staging.hold('/u/1/data');
    await staged.write([Buffer.from('more')]);
    await driver.delete('/u/1');
    await expect(staged.keep()).rejects.toThrow(/./);
    await staged.release();
    await expect(driver.staging.hold('/u/1/data')).rejects.toThrow(PathNotFoundError);
    await expect(driver.list('/u/1')).rejects.toThrow(PathNotFoundError);
  });
}

async function holding<T>(driver: StorageDriver, path: string, work: (staged: StagedFile) => Promise<T>): Promise<T> {
  const staged = await driver.staging.hold(path);
  try {
    return await work(staged);
  } finally {
    await staged.release();
  }
}

async function add(driver: StorageDriver, bytes: Uint8Array): Promise<void> {
  await holding(driver, '/u/1/data', async (staged) => {
    await staged.write([bytes]);
    await staged.keep();
  });
}

async function collect(staged: StagedFile, start: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of staged.read(start)) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}
