import { accessSync, constants, readFileSync, statfsSync } from 'node:fs';

/** Linux has a file system in memory there; in containers it is often small. */
const SHARED_MEMORY = '/dev/shm';
/** @see https://man7.org/linux/man-pages/man2/statfs.2.html */
const TMPFS_MAGIC = 0x01021994;
const GIB = 2 ** 30;

/**
 * Where tests keep files: in memory, when there is plenty. Most of their system calls are calls of the file system, and half of that time
 * goes when no disk is behind it. What a crash of the machine leaves is tested by recorded system calls, on any file system.
 *
 * @returns undefined for the default, and where `TMPDIR` is set
 */
export function findMemoryDirectory(): string | undefined {
  if (process.env.TMPDIR !== undefined) return undefined;
  try {
    const { type, bavail, bsize } = statfsSync(SHARED_MEMORY);
    accessSync(SHARED_MEMORY, constants.W_OK | constants.X_OK);
    return type === TMPFS_MAGIC && bavail * bsize >= 4 * GIB && availableMemory() >= 8 * GIB
      ? SHARED_MEMORY
      : undefined;
  } catch {
    return undefined;
  }
}

/** @see https://man7.org/linux/man-pages/man5/proc_meminfo.5.html */
function availableMemory(): number {
  const [, kib] = /^MemAvailable:\s+(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'utf8')) ?? [];
  return Number(kib ?? 0) * 1024;
}
