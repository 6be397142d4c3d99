import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { temporaryDirectory } from '../../support/temporary-directory.ts';

const run = promisify(execFile);

/** Whether this user may mount file systems here. */
export async function canMount(): Promise<boolean> {
  if (process.platform !== 'linux') return false;
  try {
    await using _ = await smallDisk('64k');
    return true;
  } catch {
    return false; // no root, or a container without the capability
  }
}

/** A separate file system in memory. @param size in the syntax of `mount`, such as `4m` */
export async function smallDisk(size: string) {
  const directory = await temporaryDirectory();
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', directory.path]);
  } catch (err) {
    await directory[Symbol.asyncDispose]();
    throw err;
  }
  return {
    path: directory.path,
    async [Symbol.asyncDispose]() {
      await run('umount', [directory.path]);
      await directory[Symbol.asyncDispose]();
    },
  };
}
