import { expect, it } from 'vitest';

import { InvalidPathError, PathNotFoundError } from '../../src/storage/driver.ts';
import type { DriverUnderTest } from './driver-under-test.ts';

export interface DirectoryOptions {
  /** The store has no directories, and so accepts a file at a path that has others below it. */
  readonly objectsBelowObjects?: boolean;
}

/** The contract of every storage driver for directories. */
export function describeDirectories(
  create: () => Promise<DriverUnderTest>,
  { objectsBelowObjects = false }: DirectoryOptions,
): void {
  it('lists the names directly below a directory, in code point order', async () => {
    await using made = await create();
    const names = ['b', 'B', 'a-b', 'a', '_x', '10', '2', 'a.b', 'ab', 'a:5'];
    for (const name of names) await made.driver.writeSmall(`/l/${name}/deep/f`, Buffer.from('x'));
    await made.driver.writeSmall('/l/file', Buffer.from('x'));
    const expected = ['10', '2', 'B', '_x', 'a', 'a-b', 'a.b', 'a:5', 'ab', 'b', 'file'];
    expect(await made.driver.list('/l')).toEqual(expected);
    expect(await made.driver.stat('/l/a')).toMatchObject({ isDirectory: true, size: 0 });
  });

  it('treats a directory and a file differently', async () => {
    await using made = await create();
    await made.driver.writeSmall('/d/f', Buffer.from('x'));
    await expect(made.driver.open('/d')).rejects.toThrow(PathNotFoundError);
    await expect(made.driver.readSmall('/d', 10)).rejects.toThrow(PathNotFoundError);
    await expect(made.driver.list('/d/f')).rejects.toThrow(PathNotFoundError);
    if (!objectsBelowObjects) await expect(made.driver.writeSmall('/d', Buffer.from('x'))).rejects.toThrow();
    expect(String(await made.driver.readSmall('/d/f', 10))).toBe('x');
  });

  it('moves a file over another', async () => {
    await using made = await create();
    await made.driver.writeSmall('/from', Buffer.from('new'));
    await made.driver.writeSmall('/to/f', Buffer.from('old'));
    await made.driver.move('/from', '/to/f');
    expect(String(await made.driver.readSmall('/to/f', 10))).toBe('new');
    await expect(made.driver.stat('/from')).rejects.toThrow(PathNotFoundError);
  });

  it('keeps the target when the source does not exist', async () => {
    await using made = await create();
    await made.driver.writeSmall('/to', Buffer.from('old'));
    await expect(made.driver.move('/missing', '/to')).rejects.toThrow(PathNotFoundError);
    expect(String(await made.driver.readSmall('/to', 10))).toBe('old');
  });

  it('deletes a directory with everything below it, and no other paths with the same prefix', async () => {
    await using made = await create();
    for (const path of ['/a/b/c', '/a/b/d/e', '/a/bc', '/ab']) await made.driver.writeSmall(path, Buffer.from('x'));
    await made.driver.delete('/a/b');
    await expect(made.driver.stat('/a/b')).rejects.toThrow(PathNotFoundError);
    await expect(made.driver.stat('/a/b/d/e')).rejects.toThrow(PathNotFoundError);
    expect(await made.driver.list('/a')).toEqual(['bc']);
    expect((await made.driver.stat('/ab')).size).toBe(1);
  });

  it('succeeds when there is nothing to delete', async () => {
    await using made = await create();
    await made.driver.writeSmall('/file', Buffer.from('x'));
    await made.driver.delete('/missing');
    await made.driver.delete('/missing/deeper');
    await made.driver.delete('/file/below');
    expect((await made.driver.stat('/file')).size).toBe(1);
  });

  it('deletes directories without files at any depth, and returns whether nothing is left', async () => {
    await using made = await create();
    const { driver } = made;
    for (const path of ['/a/b/c', '/a/d/e/f', '/ab']) await driver.writeSmall(path, Buffer.from('x'));
    for (const path of ['/a', '/a/d', '/ab', '/a/b/c']) expect(await driver.deleteEmpty(path)).toBe(false);
    expect(String(await driver.readSmall('/a/d/e/f', 10))).toBe('x');
    await driver.delete('/a/d/e/f');
    expect([await driver.deleteEmpty('/a/d'), await driver.deleteEmpty('/a')]).toEqual([true, false]);
    await expect(driver.stat('/a/d')).rejects.toThrow(PathNotFoundError);
    await driver.delete('/a/b/c');
    expect([await driver.deleteEmpty('/a'), await driver.deleteEmpty('/missing')]).toEqual([true, true]);
    await expect(driver.stat('/a')).rejects.toThrow(PathNotFoundError);
    await expect(driver.deleteEmpty('/')).rejects.toThrow(InvalidPathError);
  });

  it('keeps every file that is written while empty directories are deleted', async () => {
    await using made = await create();
    const { driver } = made;
    await Promise.all(
      Array.from({ length: 60 }, async (_, i) => {
        await (i % 2 === 0 ? driver.deleteEmpty('/r') : driver.writeSmall(`/r/s/${i % 6}/f${i}`, Buffer.from('x')));
      }),
    );
    for (let i = 1; i < 60; i += 2) expect(String(await driver.readSmall(`/r/s/${i % 6}/f${i}`, 10))).toBe('x');
  });

  it('keeps or removes a file that is written while its directory is deleted, but never shows a part of it', async () => {
    await using made = await create();
    const bytes = Buffer.alloc(10_000, 'x');
    await Promise.all(
      Array.from({ length: 30 }, (_, i) =>
        i % 3 === 0 ? made.driver.delete('/r') : made.driver.writeSmall(`/r/s/f${i % 2}`, bytes),
      ),
    );
    for (const path of ['/r/s/f0', '/r/s/f1']) {
      const seen = await made.driver.readSmall(path, 20_000).catch(unlessMissing);
      expect(seen === undefined || seen.equals(bytes)).toBe(true);
    }
  });
}

function unlessMissing(err: unknown): undefined {
  if (!(err instanceof PathNotFoundError)) throw err;
}
