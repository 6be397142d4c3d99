import { chmod, mkdir, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { enableCompileCache } from '../../src/builtin/compile-cache.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const NAME = `layover-compile-cache-${process.geteuid?.()}`;

/** The directory that Node would use, with the given preparation of the one for temporary files. */
async function enabledAfter(prepare: (parent: string) => Promise<unknown>): Promise<string | undefined> {
  await using directory = await temporaryDirectory();
  const enabled: string[] = [];
  await prepare(directory.path);
  const returned = enableCompileCache({ parent: directory.path, enable: (path) => enabled.push(path) });
  expect(enabled).toEqual(returned === undefined ? [] : [returned]);
  return returned && returned.slice(directory.path.length + 1);
}

describe('the compile cache is in a directory', () => {
  it('that is created for this user alone', async () => {
    await using directory = await temporaryDirectory();
    const path = enableCompileCache({ parent: directory.path, enable: () => {} });
    expect(path).toBe(join(directory.path, NAME));
    expect((await stat(path ?? '')).mode & 0o777).toBe(0o700);
  });

  it('that an earlier process created', async () => {
    expect(await enabledAfter((parent) => mkdir(join(parent, NAME), { mode: 0o700 }))).toBe(NAME);
  });

  it('in one that users share, when they cannot rename it there', async () => {
    expect(await enabledAfter((parent) => chmod(parent, 0o1777))).toBe(NAME);
  });
});

describe('there is no compile cache', () => {
  it.each<[string, (parent: string) => Promise<unknown>]>([
    ['where other users can rename the directory', (parent) => chmod(parent, 0o777)],
    ['when other users can write to the directory', (parent) => makeWithMode(join(parent, NAME), 0o777)],
    ['when a group can write to the directory', (parent) => makeWithMode(join(parent, NAME), 0o770)],
    ['when it is a link', (parent) => symlink(parent, join(parent, NAME))],
    ['when it is a file', (parent) => writeFile(join(parent, NAME), '')],
  ])('%s', async (_, prepare) => {
    expect(await enabledAfter(prepare)).toBeUndefined();
  });

  it('without a directory for temporary files', async () => {
    await using directory = await temporaryDirectory();
    const parent = join(directory.path, 'missing');
    expect(enableCompileCache({ parent, enable: () => expect.unreachable() })).toBeUndefined();
  });
});

async function makeWithMode(path: string, mode: number): Promise<void> {
  await mkdir(path);
  await chmod(path, mode);
}
