import { readFile, statfs } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { getuid, version } from 'node:process';

export interface FileSystemFacts {
  /** Magic number of the kind of file system. */
  readonly type: number;
  readonly bytes: number;
  /** For this process. */
  readonly freeBytes: number;
  /** 0 for file systems without a limit. */
  readonly files: number;
  readonly freeFiles: number;
}

/** Facts about this machine, which a test can replace. */
export interface MachineFacts {
  /** Such as `v24.1.0`. */
  readonly nodeVersion: string;
  /** Absent when it is not known, or there is no limit. */
  readonly openFiles: number | undefined;
  /** Of the container, else of the machine. */
  readonly memoryBytes: number;
  readonly isRoot: boolean;
  /** Directory in which the files of clients are. */
  readonly root: string;
  /** @throws for a path that does not exist */
  fileSystem(this: void, path: string): Promise<FileSystemFacts>;
  /** Unix milliseconds. */
  now(this: void): number;
}

export async function readMachine(): Promise<MachineFacts> {
  return {
    nodeVersion: version,
    openFiles: await openFiles(),
    memoryBytes: Math.min(totalmem(), (await containerMemory()) ?? Infinity),
    isRoot: getuid?.() === 0,
    root: '/',
    async fileSystem(path) {
      const { type, bsize, blocks, bavail, files, ffree } = await statfs(path);
      return { type, bytes: blocks * bsize, freeBytes: bavail * bsize, files, freeFiles: ffree };
    },
    now: Date.now,
  };
}

async function openFiles(): Promise<number | undefined> {
  const limits = await readFile('/proc/self/limits', 'utf8').catch(() => '');
  const [, soft] = /^Max open files\s+(\d+)/m.exec(limits) ?? [];
  return soft === undefined ? undefined : Number(soft);
}

/** @see https://docs.kernel.org/admin-guide/cgroup-v2.html */
async function containerMemory(): Promise<number | undefined> {
  const text = await readFile('/sys/fs/cgroup/memory.max', 'utf8').catch(() => 'max');
  return /^\d+$/.test(text.trim()) ? Number(text) : undefined;
}
