import { execFile, type ExecFileException } from 'node:child_process';
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';

import { DAMAGED_EXIT_CODE, IndexDamagedError } from './lmdb-files.ts';
import { LmdbIndex } from './lmdb-index.ts';

/** A longer check would delay startup. What it did not read counts as undamaged. Milliseconds. */
const TIME_LIMIT_MS = 5_000;
/** Signals with which damaged pages end a process. */
const CRASHES: ReadonlySet<unknown> = new Set(['SIGSEGV', 'SIGBUS', 'SIGABRT', 'SIGILL', 'SIGFPE', 'SIGTRAP']);

export interface OpenIndexOptions {
  /** Absent for a temporary directory, which does not outlive the process. */
  readonly directory: string | undefined;
  readonly onDamaged: (event: { readonly reason: string; readonly movedTo: string }) => void;
}

/**
 * Opens the index. An index that is proven to be damaged is moved aside, and a new one is created.
 *
 * While the index is open, a marker file next to it has the id of the process. A marker whose process has ended means that the index was not
 * closed: because of a kill, which leaves it intact, or of a damaged page, which ends every process that reads it. Then the index is first
 * checked in a child process ([decision 68](../../docs/decisions/068-what-proves-that-the-index-is-damaged.md)).
 *
 * @throws the error of the file system when no index can be created
 */
export async function openIndex({ directory, onDamaged }: OpenIndexOptions): Promise<LmdbIndex> {
  if (directory === undefined) {
    return LmdbIndex.open({ directory: await mkdtemp(join(tmpdir(), 'layover-index-')), temporary: true });
  }
  const moveAside = async (reason: string) => {
    const movedTo = `${directory}.damaged-${Date.now()}`;
    await rename(directory, movedTo);
    onDamaged({ reason, movedTo });
  };
  const marker = `${directory}.opening`;
  const damage = (await wasLeftOpen(marker)) ? await findDamage(directory) : undefined;
  if (damage !== undefined) await moveAside(damage);
  await writeFile(marker, String(process.pid)).catch(() => {}); // then LmdbIndex.open fails with the reason
  const open = () => LmdbIndex.open({ directory, onClosed: () => removeOwn(marker) });
  try {
    return await open().catch(async (err: unknown) => {
      if (!(err instanceof IndexDamagedError)) throw err;
      await moveAside(err.message);
      return await open();
    });
  } catch (err) {
    await removeOwn(marker);
    throw err;
  }
}

/** Whether a process probably ended without closing the index. */
async function wasLeftOpen(marker: string): Promise<boolean> {
  const text = await readFile(marker, 'utf8').catch(() => undefined);
  if (text === undefined) return false;
  const pid = Number(text);
  // In a container, successive processes have the same id.
  if (!Number.isInteger(pid) || pid <= 0 || pid === process.pid) return true;
  try {
    process.kill(pid, 0);
    return false;
  } catch (err) {
    return (err as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

/** A process that opened the index later has replaced the marker. */
async function removeOwn(marker: string): Promise<void> {
  const text = await readFile(marker, 'utf8').catch(() => undefined);
  if (text === String(process.pid)) await rm(marker, { force: true }).catch(() => {}); // on a read-only file system the next start checks the index
}

/**
 * Opens and reads an index in a child process, which damaged pages can crash. Takes 0.5 s for 100 000 references.
 *
 * @returns the reason; undefined when no damage is proven: also when the check was killed, took too long, or could not be run
 */
async function findDamage(directory: string): Promise<string | undefined> {
  const reason = await check(directory);
  if (reason === undefined) return undefined;
  // When an empty index fails too, the reason is not in the files.
  const empty = await mkdtemp(join(tmpdir(), 'layover-index-'));
  try {
    return (await check(empty)) === undefined ? reason : undefined;
  } finally {
    await rm(empty, { recursive: true, force: true });
  }
}

function check(directory: string): Promise<string | undefined> {
  const program = join(import.meta.dirname, `index-check${extname(import.meta.filename)}`);
  const options = { timeout: TIME_LIMIT_MS, killSignal: 'SIGKILL' } as const;
  return new Promise((resolve) => {
    execFile(process.execPath, [program, directory], options, (error, stdout) => resolve(damageOf(error, stdout)));
  });
}

function damageOf(error: ExecFileException | null, stdout: string): string | undefined {
  if (error?.code === DAMAGED_EXIT_CODE) return stdout.trim();
  return CRASHES.has(error?.signal) ? `reading it ends the process with ${error?.signal}` : undefined;
}
