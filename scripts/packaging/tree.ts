import { lstat, readdir, readFile, readlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** A file, link or directory of a package, apart from where it is stored now. */
export type Entry = FileEntry | LinkEntry | DirectoryEntry;

interface FileEntry {
  readonly kind: 'file';
  /** In the package, without a slash at its start. */
  readonly path: string;
  readonly mode: number;
  readonly load: () => Promise<Buffer>;
}

interface LinkEntry {
  readonly kind: 'link';
  readonly path: string;
  readonly target: string;
}

interface DirectoryEntry {
  readonly kind: 'directory';
  readonly path: string;
  readonly mode: number;
  /** User and group. */
  readonly owner: number;
}

export const file = (path: string, content: string | Buffer, mode = 0o644): Entry => ({
  ...{ kind: 'file', path, mode },
  load: () => Promise.resolve(Buffer.from(content)),
});

export const copied = (path: string, from: string, mode = 0o644): Entry => ({
  ...{ kind: 'file', path, mode },
  load: () => readFile(from),
});

export const link = (path: string, target: string): Entry => ({ kind: 'link', path, target });

export const directory = (path: string, { mode = 0o755, owner = 0 } = {}): Entry => ({
  ...{ kind: 'directory', path, mode, owner },
});

/** The files and links below a directory of this machine, with paths relative to it; a file is executable for all or for none. */
export async function entriesBelow(root: string): Promise<Entry[]> {
  const names = await readdir(root, { recursive: true });
  const entries = await Promise.all(names.map((path) => entryAt(path, join(root, path))));
  return entries.filter((entry) => entry !== undefined);
}

async function entryAt(path: string, from: string): Promise<Entry | undefined> {
  const info = await lstat(from);
  if (info.isSymbolicLink()) return link(path, await readlink(from));
  if (!info.isFile()) return undefined;
  return copied(path, from, (info.mode & 0o111) === 0 ? 0o644 : 0o755);
}

export function moved(entries: readonly Entry[], toPath: (path: string) => string): Entry[] {
  return entries.map((entry) => ({ ...entry, path: toPath(entry.path) }));
}

/** The entries with all directories above them, each before its content, in an order that depends on paths alone. */
export function complete(entries: readonly Entry[]): Entry[] {
  const byPath = new Map<string, Entry>();
  for (const entry of entries) {
    for (const path of parentsOf(entry.path)) if (!byPath.has(path)) byPath.set(path, directory(path));
    byPath.set(entry.path, entry);
  }
  return [...byPath.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

function parentsOf(path: string): string[] {
  const parent = dirname(path);
  return parent === '.' ? [] : [...parentsOf(parent), parent];
}
