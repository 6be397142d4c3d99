import { mkdir, readdir, rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { LmdbPulls } from '../../src/audit/lmdb-pulls.ts';
import { LmdbIndex } from '../../src/usage/lmdb-index.ts';
import { canMount, smallDisk } from '../storage/filesystem/small-disk.ts';

const mountable = await canMount();
if (!mountable) console.warn('skipped: files of LMDB on a full disk, as this user may not mount a tmpfs');

/** Takes all space. @returns frees it again */
async function fill(directory: string): Promise<() => Promise<void>> {
  const ballast = join(directory, 'ballast');
  const { bavail, bsize } = await statfs(directory);
  await writeFile(ballast, Buffer.alloc(bavail * bsize));
  return () => rm(ballast);
}

describe.skipIf(!mountable).each([
  ['the record of pulls', LmdbPulls],
  ['the index', LmdbIndex],
] as const)('%s on a full disk', (_, files) => {
  it('cannot be created, which ends no process, and can be when there is space', async () => {
    await using disk = await smallDisk('4m');
    const directory = join(disk.path, 'files');
    await mkdir(directory);
    const giveBack = await fill(disk.path);
    await expect(files.open({ directory })).rejects.toMatchObject({ code: 'ENOSPC' });
    expect(await readdir(directory)).toEqual([]);
    await giveBack();
    const opened = await files.open({ directory });
    await opened.close();
  });
});
