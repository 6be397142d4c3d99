import { access, mkdir, rm, rmdir, stat } from 'node:fs/promises';
import { dirname, posix, relative } from 'node:path';

import { replaceFile } from '../files/replace-file.ts';
import { readIfThere, resolveInRoot } from './client-file.ts';
import type { FileChange } from './plan.ts';
import { loadRecord, recordPath, saveRecord, type SetupPlace } from './record.ts';
import { beforeOf, isAsWritten, type RecordedFile, recordOf } from './recorded-file.ts';
import { SetupError } from './setup-error.ts';

/** A file as it is and as it will be. */
export interface ChangedFile {
  /** On the client's machine. */
  readonly path: string;
  /** The file in the root that links lead to: they stay. */
  readonly target: string;
  /** Absent when there is no file. */
  readonly from: Buffer | undefined;
  /** Absent: the file is removed. */
  readonly to: Buffer | undefined;
}

export interface FoundChanges {
  readonly changed: readonly ChangedFile[];
  /** Those of them, and others, with settings of an earlier run, because they were changed by hand after it. */
  readonly edited: readonly string[];
}

/**
 * What the changes do to the files. A file as setup left it starts from its state before that, so that nothing of another address or
 * registry stays. One that was changed since starts from what it is.
 *
 * @throws {SetupError} before anything is written
 */
export function findChanges(changes: readonly FileChange[], place: SetupPlace): FoundChanges {
  const { files } = loadRecord(place);
  const planned = changes.map(({ path, merge }) => ({ path: posix.join('/', path), merge }));
  const changed: ChangedFile[] = [];
  const edited: string[] = [];
  for (const { path, merge } of planned) {
    const target = resolveInRoot(place.root, path);
    const same = changed.find((file) => file.target === target);
    if (same) throw new SetupError(`${path}: is the same file as ${same.path} (remove the link; nothing was changed)`);
    const from = readIfThere(target);
    const record = files.find((file) => file.path === path);
    const start = record && isAsWritten(record, from) ? beforeOf(record) : from;
    const to = Buffer.from(merge(start && textOf(start, target)));
    if (from?.equals(to)) continue;
    changed.push({ path, target, from, to });
    if (record && recordOf({ path, from, to }, record).isEdited) edited.push(target);
  }
  const dropped = files.filter((file) => !planned.some(({ path }) => path === file.path));
  const others = restored(dropped, place, (target) => readIfThere(target) && edited.push(target));
  return { changed: [...changed, ...others.changed], edited: [...edited, ...others.edited] };
}

/** Records how to undo the changes, and then writes the files, each completely or not at all. */
export async function writeChanges(changed: readonly ChangedFile[], place: SetupPlace): Promise<void> {
  const path = recordPath(place);
  const record = loadRecord(place);
  const added = await missingDirectories([path, ...changed.map(({ target }) => target)].map(dirname));
  const top = resolveInRoot(place.root, '/');
  const known = ({ path: changedPath }: ChangedFile) => record.files.find((file) => file.path === changedPath);
  const others = record.files.filter((file) => !changed.some((each) => each.path === file.path));
  await saveRecord(path, {
    version: 1,
    files: [...others, ...changed.map((file) => recordOf(file, known(file)))],
    directories: [...new Set([...record.directories, ...added.map((each) => `/${relative(top, each)}`)])],
  });
  for (const file of changed) await write(file);
}

/**
 * What restores the files as they were before setup.
 *
 * @throws {SetupError} when one of them was changed since
 */
export function findUndo(place: SetupPlace): FoundChanges {
  return restored(loadRecord(place).files, place, (changed) => {
    const record = recordPath(place);
    throw new SetupError(`${changed}: was changed after setup (restore it by hand, from ${record}, and remove that)`);
  });
}

/** @param onChanged called for a file that was changed or removed after setup, which stays as it is */
function restored(
  files: readonly RecordedFile[],
  { root }: SetupPlace,
  onChanged: (target: string) => unknown,
): FoundChanges {
  const changed: ChangedFile[] = [];
  const edited: string[] = [];
  for (const record of files) {
    const { path } = record;
    const target = resolveInRoot(root, path);
    const from = readIfThere(target);
    const to = beforeOf(record);
    if (from === undefined ? to === undefined : to?.equals(from)) continue;
    if (!isAsWritten(record, from)) {
      onChanged(target);
      continue;
    }
    changed.push({ path, target, from, to });
    if (record.isEdited) edited.push(target);
  }
  return { changed, edited };
}

export async function undoChanges(changed: readonly ChangedFile[], place: SetupPlace): Promise<void> {
  const path = recordPath(place);
  const { files, directories } = loadRecord(place);
  const top = resolveInRoot(place.root, '/');
  const targets = [path, ...files.map((file) => resolveInRoot(place.root, file.path))];
  // Setup creates directories for its files alone.
  const created = directories
    .map((directory) => resolveInRoot(place.root, directory))
    .filter((directory) => directory !== top && targets.some((target) => target.startsWith(`${directory}/`)));
  for (const file of changed) await write(file);
  await saveRecord(path, { version: 1, files: [], directories: [] });
  // Those with other content stay.
  for (const directory of created.toSorted((a, b) => b.length - a.length)) await rmdir(directory).catch(() => {});
}

async function write({ target, from, to }: ChangedFile): Promise<void> {
  if (to === undefined) return rm(target, { force: true });
  await mkdir(dirname(target), { recursive: true });
  if (from === undefined) return replaceFile(target, to, { mode: 0o644 });
  const { mode, uid, gid } = await stat(target);
  await replaceFile(target, to, { mode: mode & 0o7777, owner: { uid, gid } });
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

function textOf(bytes: Buffer, path: string): string {
  const text = bytes.toString('utf8');
  if (Buffer.from(text).equals(bytes)) return text;
  throw new SetupError(`${path}: not UTF-8 (repair the file first; nothing was changed)`);
}
