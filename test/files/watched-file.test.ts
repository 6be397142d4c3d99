import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { FileError, filesVersion, WatchedFile } from '../../src/files/watched-file.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let path: string;

beforeEach(async () => {
  directory = await temporaryDirectory();
  path = join(directory.path, 'file');
  await writeFile(path, '{"a":1}');
});
afterEach(() => directory[Symbol.asyncDispose]());

const open = (options = {}) =>
  new WatchedFile({ path, parse: (bytes) => JSON.parse(bytes.toString()) as object, ...options });

describe('a watched file', () => {
  it('is parsed once as long as it is the same', async () => {
    const file = open();
    const first = await file.load();
    expect(first).toEqual({ a: 1 });
    expect(await file.load()).toBe(first);
  });

  it('is parsed again after it was written, and after it was replaced', async () => {
    const file = open();
    await file.load();
    await writeFile(path, '{"a":22}');
    expect(await file.load()).toEqual({ a: 22 });
    await writeFile(`${path}.new`, '{"a":33}');
    await rename(`${path}.new`, path);
    expect(await file.load()).toEqual({ a: 33 });
  });

  it('fails with the same error until it changes', async () => {
    const file = open();
    await writeFile(path, 'broken');
    const first: unknown = await file.load().catch((err: unknown) => err);
    expect(first).toBeInstanceOf(SyntaxError);
    expect(await file.load().catch((err: unknown) => err)).toBe(first);
    await writeFile(path, '{}');
    expect(await file.load()).toEqual({});
  });

  it('names its path and the reason when it cannot be read', async () => {
    const file = open();
    await rm(path);
    await expect(file.load()).rejects.toThrow(new FileError(path, 'ENOENT'));
    await writeFile(path, '{"a":4}');
    expect(await file.load()).toEqual({ a: 4 });
  });

  it('is not read when it is too large', async () => {
    await expect(open({ maxBytes: 6 }).load()).rejects.toMatchObject({ reason: 'larger than 6 bytes' });
    expect(await open({ maxBytes: 7 }).load()).toEqual({ a: 1 });
  });
});

it('the version of several files changes when one of them changes, disappears or appears', async () => {
  const paths = [path, join(directory.path, 'other')];
  const versions = [await filesVersion(paths), await filesVersion(paths)];
  await writeFile(paths[1] as string, '');
  versions.push(await filesVersion(paths));
  await rm(path);
  versions.push(await filesVersion(paths));
  expect(versions[0]).toBe(versions[1]);
  expect(new Set(versions).size).toBe(3);
});
