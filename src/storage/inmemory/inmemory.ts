import { readFile, rm } from 'node:fs/promises';

import { type ByteSource, MemorySource } from '../../stream/byte-source.ts';
import {
  checkPath,
  checkPathBelowRoot,
  type FileInfo,
  FileTooLargeError,
  PathNotFoundError,
  type StorageDriver,
} from '../driver.ts';
import { InmemoryFile } from './file.ts';
import { InmemoryStaging } from './staging.ts';

const NAME = 'inmemory';

/** A driver that stores files in memory, without a limit and until the process ends. For tests and trials. */
export function createInmemoryDriver(): StorageDriver {
  return new InmemoryDriver();
}

interface Directory {
  readonly entries: Map<string, Entry>;
  modifiedAt: Date;
}

type Entry = InmemoryFile | Directory;

class InmemoryDriver implements StorageDriver {
  readonly name = NAME;
  readonly spoolDirectory = undefined;
  readonly #root = newDirectory();
  readonly staging = new InmemoryStaging({
    get: (path) => this.#getFile(path),
    put: (path, file) => this.#put(path, file),
    remove: (path) => this.#remove(path),
  });

  async stat(path: string): Promise<FileInfo> {
    const entry = this.#get(path);
    const { modifiedAt } = entry;
    if (isDirectory(entry)) return { isDirectory: true, size: 0, modifiedAt };
    return { isDirectory: false, size: entry.size, modifiedAt };
  }

  async open(path: string): Promise<ByteSource> {
    return new MemorySource(this.#getFile(path).bytes);
  }

  async readSmall(path: string, maxBytes: number): Promise<Buffer> {
    const { bytes } = this.#getFile(path);
    if (bytes.length > maxBytes) throw new FileTooLargeError(NAME, path, maxBytes);
    return Buffer.from(bytes);
  }

  async writeSmall(path: string, bytes: Uint8Array): Promise<void> {
    checkPathBelowRoot(NAME, path);
    this.#put(path, new InmemoryFile([Buffer.from(bytes)]));
  }

  async adopt(localFile: string, path: string): Promise<void> {
    checkPathBelowRoot(NAME, path);
    this.#put(path, new InmemoryFile([await readFile(localFile)]));
    await rm(localFile, { force: true });
  }

  async list(path: string): Promise<string[]> {
    const entry = this.#get(path);
    if (!isDirectory(entry)) throw new PathNotFoundError(NAME, path);
    // Paths are ASCII, so this is code point order.
    return [...entry.entries.keys()].sort();
  }

  async move(from: string, to: string): Promise<void> {
    for (const path of [from, to]) checkPathBelowRoot(NAME, path);
    const entry = this.#get(from);
    if (to === from) return;
    if (to.startsWith(`${from}/`)) throw new Error(`${NAME}: ${from} cannot be moved into itself`);
    this.#put(to, entry);
    this.#remove(from);
  }

  async delete(path: string): Promise<void> {
    checkPathBelowRoot(NAME, path);
    this.#remove(path);
  }

  async deleteEmpty(path: string): Promise<boolean> {
    checkPathBelowRoot(NAME, path);
    const entry = this.#find(segments(path));
    if (entry && hasFile(entry)) return false;
    this.#remove(path);
    return true;
  }

  async redirectUrl(): Promise<undefined> {
    return undefined;
  }

  async close(): Promise<void> {
    this.#root.entries.clear();
  }

  #get(path: string): Entry {
    checkPath(NAME, path);
    const entry = this.#find(segments(path));
    if (!entry) throw new PathNotFoundError(NAME, path);
    return entry;
  }

  #getFile(path: string): InmemoryFile {
    const entry = this.#get(path);
    if (isDirectory(entry)) throw new PathNotFoundError(NAME, path);
    return entry;
  }

  #find(names: readonly string[]): Entry | undefined {
    let entry: Entry | undefined = this.#root;
    for (const name of names) entry = entry && isDirectory(entry) ? entry.entries.get(name) : undefined;
    return entry;
  }

  #put(path: string, entry: Entry): void {
    checkPathBelowRoot(NAME, path);
    const names = segments(path);
    const last = names.pop() as string;
    let directory = this.#root;
    for (const name of names) {
      const next = directory.entries.get(name) ?? newDirectory();
      if (!isDirectory(next)) throw new Error(`${NAME}: ${path} is below a file`);
      directory.entries.set(name, next);
      directory = next;
    }
    const old = directory.entries.get(last);
    if (old && isDirectory(old) && !isDirectory(entry)) throw new Error(`${NAME}: ${path} is a directory`);
    directory.entries.set(last, entry);
    directory.modifiedAt = new Date();
  }

  #remove(path: string): void {
    const names = segments(path);
    const last = names.pop() as string;
    const parent = this.#find(names);
    if (parent && isDirectory(parent)) parent.entries.delete(last);
  }
}

function newDirectory(): Directory {
  return { entries: new Map(), modifiedAt: new Date() };
}

function isDirectory(entry: Entry): entry is Directory {
  return 'entries' in entry;
}

function hasFile(entry: Entry): boolean {
  return !isDirectory(entry) || [...entry.entries.values()].some(hasFile);
}

function segments(path: string): string[] {
  return path.split('/').filter((name) => name !== '');
}
