import { access, mkdir, readFile, realpath, rm, rmdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { replaceFile } from '../files/replace-file.ts';
import type { FileChange } from './plan.ts';
import { SetupError } from './setup-error.ts';
import { loadRecord, type RecordedFile, recordPath, saveRecord } from './record.ts';

/** A file as it is and as it will be. */
export interface ChangedFile {
  /** With the root. */
  readonly path: string;
  /** Absent when there is no file. */
  readonly from: Buffer | undefined;
  /** Absent: the file is removed. */
  readonly to: Buffer | undefined;
}

export interface SetupPlace {
  /** Directory in which the client's files are; `/` for this machine. */
  readonly root: string;
  readonly client: string;
}

/**
 * What the changes do to the files. A file as setup left it starts from its state before that, so that nothing of another address or
 * registry stays.
 *
 * @returns those that change
 * @throws {SetupError} before anything is written
 */
export async function findChanges(changes: readonly FileChange[], place: SetupPlace): Promise<ChangedFile[]> {
  const { files } = await loadRecord(recordPath(place.root, place.client));
  const changed: ChangedFile[] = [];
  const targets: string[] = [];
  for (const { path, merge } of changes) {
    const target = await resolved(join(place.root, path));
    targets.push(target);
    const from = await readIfThere(target);
    const record = files.find((file) => file.path === target);
    const start = record && from?.equals(bytesOf(record.after)) ? beforeOf(record) : from;
    const to = Buffer.from(merge(start && textOf(start, target)));
    if (!from?.equals(to)) changed.push({ path: target, from, to });
  }
  const dropped = files.filter((file) => !targets.includes(file.path));
  return [...changed, ...(await restored(dropped, 'skip'))];
}

/** Records how to undo the changes, and then writes the files, each completely or not at all. */
export async function writeChanges(changed: readonly ChangedFile[], { root, client }: SetupPlace): Promise<void> {
  const path = recordPath(root, client);
  const record = await loadRecord(path);
  const added = await missingDirectories([path, ...changed.map((file) => file.path)].map(dirname));
  const others = record.files.filter((file) => !changed.some((each) => each.path === file.path));
  await saveRecord(path, {
    version: 1,
    files: [...others, ...changed.map((file) => recordOf(file, record.files))],
    directories: [...new Set([...record.directories, ...added])],
  });
  for (const file of changed) await write(file);
}

/**
 * What restores the files as they were before setup.
 *
 * @throws {SetupError} when one of them was changed since
 */
export async function findUndo({ root, client }: SetupPlace): Promise<ChangedFile[]> {
  const path = recordPath(root, client);
  const { files } = await loadRecord(path);
  return restored(files, (changed) => {
    throw new SetupError(`${changed}: was changed after setup (restore it by hand, from ${path}, and remove that)`);
  });
}

/** @param onChanged called for a file that is not as setup left it */
async function restored(files: readonly RecordedFile[], onChanged: 'skip' | ((path: string) => never)) {
  const changed: ChangedFile[] = [];
  for (const record of files) {
    const from = await readIfThere(record.path);
    const to = beforeOf(record);
    if (from === undefined ? to === undefined : to?.equals(from)) continue;
    if (from?.equals(bytesOf(record.after))) changed.push({ path: record.path, from, to });
    else if (onChanged !== 'skip') onChanged(record.path);
  }
  return changed;
}

export async function undoChanges(changed: readonly ChangedFile[], { root, client }: SetupPlace): Promise<void> {
  const path = recordPath(root, client);
  const { directories } = await loadRecord(path);
  for (const file of changed) await write(file);
  await saveRecord(path, { version: 1, files: [], directories: [] });
  // Those with other content stay.
  const deepestFirst = directories.toSorted((a, b) => b.length - a.length);
  for (const directory of deepestFirst) await rmdir(directory).catch(() => {});
}

/** A file that was changed by hand after setup is recorded as it is now. */
function recordOf({ path, from, to }: ChangedFile, files: readonly RecordedFile[]): RecordedFile {
  const known = files.find((file) => file.path === path);
  const before = known && from?.equals(bytesOf(known.after)) ? known.before : from?.toString('base64');
  return { path, ...(before !== undefined && { before }), after: (to ?? Buffer.alloc(0)).toString('base64') };
}

async function write({ path, from, to }: ChangedFile): Promise<void> {
  if (to === undefined) return rm(path, { force: true });
  await mkdir(dirname(path), { recursive: true });
  if (from === undefined) return replaceFile(path, to, { mode: 0o644 });
  const { mode, uid, gid } = await stat(path);
  await replaceFile(path, to, { mode: mode & 0o7777, owner: { uid, gid } });
}

async function missingDirectories(paths: readonly string[]): Promise<string[]> {
  const missing = new Set<string>();
  for (const path of paths) {
    for (let at = path; !(await exists(at)); at = dirname(at)) missing.add(at);
  }
  return [...missing];
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** The file that a link leads to: the link stays. */
function resolved(path: string): Promise<string> {
  return realpath(path).catch(() => path);
}

async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw err;
  }
}

function textOf(bytes: Buffer, path: string): string {
  const text = bytes.toString('utf8');
  if (Buffer.from(text).equals(bytes)) return text;
  throw new SetupError(`${path}: not UTF-8 (repair the file first; nothing was changed)`);
}

function beforeOf({ before }: RecordedFile): Buffer | undefined {
  return before === undefined ? undefined : bytesOf(before);
}

function bytesOf(base64: string): Buffer {
  return Buffer.from(base64, 'base64');
}
