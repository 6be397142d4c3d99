import { execFile, type ExecFileException } from 'node:child_process';
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { DAMAGED_EXIT_CODE, FilesDamagedError } from './lmdb-files.ts';

const PREFIX = 'layover-index-';
/** A longer check would delay startup. What it did not read counts as undamaged. Milliseconds. */
const TIME_LIMIT_MS = 5_000;
/** Signals with which damaged pages end a process. */
const CRASHES: ReadonlySet<unknown> = new Set(['SIGSEGV', 'SIGBUS', 'SIGABRT', 'SIGILL', 'SIGFPE', 'SIGTRAP']);

/** Files of LMDB, which are checked before they are opened when a process may have damaged them. */
export interface CheckedFiles<T> {
  readonly directory: string;
  /**
   * Path of the program that opens and reads everything, `program DIRECTORY`. It prints why the files are damaged, and ends with
   * {@link DAMAGED_EXIT_CODE}.
   */
  readonly checkProgram: string;
  /** @throws {FilesDamagedError} */
  readonly open: (options: { readonly directory: string; readonly onClosed: () => Promise<void> }) => Promise<T>;
  readonly onDamaged: (event: { readonly reason: string; readonly movedTo: string }) => void;
}

/**
 * Opens files of LMDB. Those that are proven to be damaged are moved aside, and new ones are created.
 *
 * While they are open, a marker file next to the directory has the id of the process. A marker whose process has ended means that they were
 * not closed: because of a kill, which leaves them intact, or of a damaged page, which ends every process that reads it. Then they are first
 * checked in a child process ([decision 68](../../docs/decisions/068-what-proves-that-the-index-is-damaged.md)).
 *
 * @throws the error of the file system when nothing can be created
 */
export async function openChecked<T>(files: CheckedFiles<T>): Promise<T> {
  const { directory, onDamaged } = files;
  const moveAside = async (reason: string) => {
    const movedTo = `${directory}.damaged-${Date.now()}`;
    await rename(directory, movedTo);
    onDamaged({ reason, movedTo });
  };
  const marker = `${directory}.opening`;
  const damage = (await wasLeftOpen(marker)) ? await findDamage(files) : undefined;
  if (damage !== undefined) await moveAside(damage);
  await writeFile(marker, String(process.pid)).catch(() => {}); // then opening fails with the reason
  const open = () => files.open({ directory, onClosed: () => removeOwn(marker) });
  try {
    return await open().catch(async (err: unknown) => {
      if (!(err instanceof FilesDamagedError)) throw err;
      await moveAside(err.message);
      return await open();
    });
  } catch (err) {
    await removeOwn(marker);
    throw err;
  }
}

/** A directory for files that do not outlive the process. */
export function temporaryFiles(): Promise<string> {
  return mkdtemp(join(tmpdir(), PREFIX));
}

/** Whether a process probably ended without closing the files. */
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

/** A process that opened the files later has replaced the marker. */
async function removeOwn(marker: string): Promise<void> {
  const text = await readFile(marker, 'utf8').catch(() => undefined);
  if (text === String(process.pid)) await rm(marker, { force: true }).catch(() => {}); // on a read-only file system the next start checks them
}

/**
 * Opens and reads the files in a child process, which damaged pages can crash. Takes 0.5 s for 100 000 references.
 *
 * @returns the reason; undefined when no damage is proven: also when the check was killed, took too long, or could not be run
 */
async function findDamage({ checkProgram, directory }: CheckedFiles<unknown>): Promise<string | undefined> {
  const reason = await check(checkProgram, directory);
  if (reason === undefined) return undefined;
  // When empty files fail too, the reason is not in the files.
  const empty = await temporaryFiles();
  try {
    return (await check(checkProgram, empty)) === undefined ? reason : undefined;
  } finally {
    await rm(empty, { recursive: true, force: true });
  }
}

function check(program: string, directory: string): Promise<string | undefined> {
  const options = { timeout: TIME_LIMIT_MS, killSignal: 'SIGKILL' } as const;
  return new Promise((resolve) => {
    execFile(process.execPath, [program, directory], options, (error, stdout) => resolve(damageOf(error, stdout)));
  });
}

function damageOf(error: ExecFileException | null, stdout: string): string | undefined {
  if (error?.code === DAMAGED_EXIT_CODE) return stdout.trim();
  return CRASHES.has(error?.signal) ? `reading it ends the process with ${error?.signal}` : undefined;
}
