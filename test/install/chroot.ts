import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import { RunningProcess, runProgram } from '../support/processes.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { open } from './opened.ts';

const PATH = '/usr/sbin:/usr/bin:/sbin:/bin';
/** What the package has to bring with it. */
const NODE = ['usr/bin/node', 'usr/bin/nodejs', 'usr/local/bin/node', 'opt/node/bin/node'];

/**
 * This machine's Debian as another root directory: packages that are installed there, and files that are written, are in memory and gone at
 * the end. It has no Node.js.
 */
export function startChroot() {
  return open(async (use) => {
    const directory = use(await temporaryDirectory()).path;
    const root = join(directory, 'root');
    await mkdir(root);
    // The mounts are those of this process alone, and end with it.
    const script = [
      `mount -t tmpfs tmpfs '${directory}'`,
      `mkdir -p '${directory}/upper' '${directory}/work' '${root}'`,
      `mount -t overlay overlay -o lowerdir=/,upperdir='${directory}/upper',workdir='${directory}/work' '${root}'`,
      `mount --rbind /dev '${root}/dev'`,
      `mount -t proc proc '${root}/proc'`,
      'echo mounted',
      'exec sleep infinity',
    ].join(' && ');
    const holder = use(await RunningProcess.start('unshare', ['--mount', 'sh', '-c', script]));
    await holder.waitForOutput(/mounted/);
    const entering = [`--mount=/proc/${holder.pid}/ns/mnt`, '--'];
    const inside = (...command: string[]) => [...entering, 'chroot', root, ...command];
    const env = { PATH, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' };
    const run = async (...command: string[]) => (await runProgram('nsenter', inside(...command), { env })).stdout;
    await run('rm', '-f', ...NODE.map((path) => `/${path}`));
    return {
      run,
      /** Copies a file of this machine to the top. @returns its path there */
      async add(file: string, name: string): Promise<string> {
        await runProgram('nsenter', [...entering, 'cp', file, join(root, name)], { env });
        return `/${name}`;
      },
      start: (user: string, command: readonly string[], more: Readonly<Record<string, string>>) =>
        RunningProcess.start('nsenter', [...entering, 'chroot', `--userspec=${user}`, root, ...command], {
          env: { ...env, ...more },
        }),
    };
  });
}
