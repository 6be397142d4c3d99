import { randomBytes } from 'node:crypto';
import { access, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { FileTooLargeError, InvalidPathError, PathNotFoundError } from '../../src/storage/driver.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { describeDirectories, type DirectoryOptions } from './directories-contract.ts';
import type { DriverUnderTest } from './driver-under-test.ts';
import { readAll, readRange } from './read-source.ts';
import { describeStaging } from './staging-contract.ts';

/** The contract of every storage driver. */
export function describeStorageDriver(
  name: string,
  create: () => Promise<DriverUnderTest>,
  options: DirectoryOptions = {},
): void {
  describe(`the ${name} driver`, () => {
    describePaths(create);
    describeWriting(create);
    describeReading(create);
    describeAdopting(create);
    describeDirectories(create, options);
    describeStaging(create);
  });
}

type Create = () => Promise<DriverUnderTest>;

const VALID_PATHS = [
  '/a',
  '/2',
  '/a/b/c/d/e',
  '/.a',
  '/a.b',
  '/a-.b',
  '/_.a',
  '/A',
  '/corp.io:5000/x_y',
  '/a..b',
  '/...',
];
const INVALID_PATHS = [
  '',
  'a',
  'a/b',
  '//',
  '/a/',
  '/a//b',
  '//a',
  '/..',
  '/a/../b',
  '/a/./b',
  '/.',
  '/a b',
  '/a\\b',
  '/a\0',
  '/ü',
  '/a%2fb',
  '/a\n',
];

function describePaths(create: Create): void {
  it.each(VALID_PATHS)('accepts the path %j', async (path) => {
    await using made = await create();
    await made.driver.writeSmall(`/t${path}`, Buffer.from(path));
    expect(String(await made.driver.readSmall(`/t${path}`, 100))).toBe(path);
  });

  it.each(INVALID_PATHS)('rejects the path %j in every call', async (path) => {
    await using made = await create();
    await using directory = await temporaryDirectory();
    const local = join(directory.path, 'local');
    await writeFile(local, 'x');
    const { driver } = made;
    await expectRejections(InvalidPathError, [
      driver.stat(path),
      driver.open(path),
      driver.readSmall(path, 1),
      driver.writeSmall(path, Buffer.from('x')),
      driver.adopt(local, path),
      driver.list(path),
      driver.move(path, '/to'),
      driver.move('/from', path),
      driver.delete(path),
    ]);
    await expect(access(local)).resolves.toBeUndefined();
  });

  it('rejects writing, moving and deleting the root', async () => {
    await using made = await create();
    const { driver } = made;
    await driver.writeSmall('/kept', Buffer.from('x'));
    await expectRejections(InvalidPathError, [
      driver.writeSmall('/', Buffer.alloc(0)),
      driver.move('/', '/a'),
      driver.move('/kept', '/'),
      driver.delete('/'),
    ]);
    expect(await driver.list('/')).toContain('kept');
  });

  it('never reads outside of its root, for every path', async () => {
    await using made = await create();
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom('..', '.', '', 'a', '/', '\\', '\0', '%2e', '~')), async (parts) => {
        const path = parts.join('/');
        const outcome = await made.driver.open(path).catch((err: unknown) => err);
        expect(outcome instanceof InvalidPathError || outcome instanceof PathNotFoundError).toBe(true);
      }),
    );
  });

  it('rejects a missing path with PathNotFoundError', async () => {
    await using made = await create();
    const { driver } = made;
    await driver.writeSmall('/file', Buffer.from('x'));
    for (const path of ['/missing', '/missing/deeper', '/file/below', `/${'n'.repeat(300)}`]) {
      await expectRejections(PathNotFoundError, [
        driver.stat(path),
        driver.open(path),
        driver.readSmall(path, 9),
        driver.list(path),
        driver.move(path, '/to'),
      ]);
    }
  });
}

function describeWriting(create: Create): void {
  it.each([0, 1, 4096, 1024 * 1024 + 1])('stores a file of %i bytes', async (size) => {
    await using made = await create();
    const bytes = randomBytes(size);
    await made.driver.writeSmall('/f', bytes);
    expect((await made.driver.readSmall('/f', size)).equals(bytes)).toBe(true);
    expect((await readAll(await made.driver.open('/f'))).equals(bytes)).toBe(true);
    expect(await made.driver.stat('/f')).toMatchObject({ isDirectory: false, size });
  });

  it('copies the bytes, so that later changes of the buffer have no effect', async () => {
    await using made = await create();
    const bytes = Buffer.from('before');
    await made.driver.writeSmall('/f', bytes);
    bytes.fill('x');
    (await made.driver.readSmall('/f', 100)).fill('y');
    expect(String(await made.driver.readSmall('/f', 100))).toBe('before');
  });

  it('replaces a longer file with a shorter one', async () => {
    await using made = await create();
    await made.driver.writeSmall('/f', Buffer.alloc(5000, 'long'));
    await made.driver.writeSmall('/f', Buffer.from('short'));
    expect(String(await made.driver.readSmall('/f', 9999))).toBe('short');
  });

  it('stores the complete file of one of many concurrent writers', async () => {
    await using made = await create();
    const versions = Array.from({ length: 20 }, (_, i) => Buffer.alloc(70_000 + i, i));
    const readers = versions.map(async () => {
      const seen = await made.driver.readSmall('/deep/er/f', 100_000).catch(unlessMissing);
      if (seen) expect(isOneOf(versions, seen)).toBe(true);
    });
    await Promise.all([...versions.map((bytes) => made.driver.writeSmall('/deep/er/f', bytes)), ...readers]);
    expect(isOneOf(versions, await made.driver.readSmall('/deep/er/f', 100_000))).toBe(true);
    expect(await made.driver.list('/deep/er')).toEqual(['f']);
  });

  it('returns the time of the last write', async () => {
    await using made = await create();
    const before = Date.now();
    await made.driver.writeSmall('/f', Buffer.from('x'));
    const { modifiedAt } = await made.driver.stat('/f');
    // File systems keep time in ticks of up to 10 ms, object stores in seconds.
    expect(modifiedAt.getTime()).toBeGreaterThan(before - 1500);
    expect(modifiedAt.getTime()).toBeLessThan(Date.now() + 1500);
  });

  it('rejects reading a file that exceeds the limit', async () => {
    await using made = await create();
    await made.driver.writeSmall('/f', Buffer.alloc(11));
    await expect(made.driver.readSmall('/f', 10)).rejects.toThrow(FileTooLargeError);
  });
}

function describeReading(create: Create): void {
  const bytes = randomBytes(5 * 1024 * 1024 + 17);

  it('reads any range', async () => {
    await using made = await create();
    await made.driver.writeSmall('/f', bytes);
    const source = await made.driver.open('/f');
    const position = fc.oneof(fc.nat({ max: bytes.length }), fc.constantFrom(0, 16_384, 2_097_152, bytes.length));
    await fc.assert(
      fc.asyncProperty(position, position, async (a, b) => {
        const range = { start: Math.min(a, b), end: Math.max(a, b) };
        expect((await readRange(source, range)).equals(bytes.subarray(range.start, range.end))).toBe(true);
      }),
    );
    await source.close();
  });

  it('fails when the range is not within the file', async () => {
    await using made = await create();
    await made.driver.writeSmall('/f', Buffer.alloc(10));
    const source = await made.driver.open('/f');
    for (const range of [
      { start: 0, end: 11 },
      { start: -1, end: 5 },
      { start: 6, end: 5 },
      { start: 0.5, end: 5 },
      { start: Number.NaN, end: 5 },
    ]) {
      await expect(readRange(source, range)).rejects.toThrow(RangeError);
    }
    await source.close();
  });

  it('serves many readers of one file at once, some of which stop early', async () => {
    await using made = await create();
    await made.driver.writeSmall('/f', bytes);
    const source = await made.driver.open('/f');
    const readers = Array.from({ length: 20 }, async (_, i) => {
      if (i % 4 !== 0)
        return expect((await readRange(source, { start: i, end: bytes.length })).equals(bytes.subarray(i))).toBe(true);
      for await (const chunk of source.read({ start: i, end: bytes.length })) {
        expect(chunk[0]).toBe(bytes[i]);
        break;
      }
    });
    await Promise.all(readers);
    await source.close();
  });

  it.each(['delete', 'replace'] as const)('continues to read a file that was opened before a %s', async (change) => {
    await using made = await create();
    await made.driver.writeSmall('/d/f', bytes);
    const source = await made.driver.open('/d/f');
    if (change === 'delete') await made.driver.delete('/d');
    else await made.driver.writeSmall('/d/f', Buffer.from('new'));
    expect((await readAll(source)).equals(bytes)).toBe(true);
  });

  it('fails a reader whose signal is aborted', async () => {
    await using made = await create();
    await made.driver.writeSmall('/f', bytes);
    const source = await made.driver.open('/f');
    await expect(readRange(source, { start: 0, end: bytes.length }, AbortSignal.abort())).rejects.toThrow(/abort/i);
    await source.close();
  });

  it('can be closed twice, and rejects later reads', async () => {
    await using made = await create();
    await made.driver.writeSmall('/f', bytes);
    const source = await made.driver.open('/f');
    await Promise.all([source.close(), source.close()]);
    await source.close();
    await expect(readRange(source, { start: 0, end: 1 })).rejects.toThrow(/closed/);
  });
}

function describeAdopting(create: Create): void {
  it('makes a local file the content of a path, and removes the local one', async () => {
    await using made = await create();
    await using directory = await temporaryDirectory();
    const local = join(directory.path, 'local');
    const bytes = randomBytes(200_000);
    await writeFile(local, bytes);
    await made.driver.writeSmall('/a/b', Buffer.from('older'));
    await made.driver.adopt(local, '/a/b');
    expect((await readAll(await made.driver.open('/a/b'))).equals(bytes)).toBe(true);
    await expect(access(local)).rejects.toThrow('ENOENT');
  });

  it('adopts an empty file', async () => {
    await using made = await create();
    await using directory = await temporaryDirectory();
    const local = join(directory.path, 'local');
    await writeFile(local, '');
    await made.driver.adopt(local, '/new/f');
    expect(await made.driver.stat('/new/f')).toMatchObject({ size: 0, isDirectory: false });
  });

  it('creates nothing when there is no local file', async () => {
    await using made = await create();
    await using directory = await temporaryDirectory();
    await expect(made.driver.adopt(join(directory.path, 'missing'), '/f')).rejects.toThrow('ENOENT');
    await expect(made.driver.stat('/f')).rejects.toThrow(PathNotFoundError);
  });

  it('adopts a file from its spool directory', async () => {
    await using made = await create();
    const { driver } = made;
    if (driver.spoolDirectory === undefined) return expect(driver.name).not.toBe('filesystem');
    const local = join(driver.spoolDirectory, 'f');
    await writeFile(local, 'spooled');
    await driver.adopt(local, '/f');
    expect(String(await driver.readSmall('/f', 100))).toBe('spooled');
  });
}

function unlessMissing(err: unknown): undefined {
  if (!(err instanceof PathNotFoundError)) throw err;
}

function isOneOf(versions: readonly Buffer[], seen: Buffer): boolean {
  return versions.some((bytes) => bytes.equals(seen));
}

async function expectRejections(
  type: new (...args: never[]) => Error,
  calls: readonly Promise<unknown>[],
): Promise<void> {
  for (const outcome of await Promise.allSettled(calls)) {
    expect(outcome).toMatchObject({ status: 'rejected', reason: expect.any(type) });
  }
}
