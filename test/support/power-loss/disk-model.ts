import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { Entry } from './journal.ts';

/**
 * How a file system uses its freedom. A name that was not synced is the one before, or any later one; each name of a directory is
 * decided alone. Bytes that were not synced are missing, written, or zeros within the new size.
 */
export interface Freedom {
  /** How many of the `count` changes that were not synced happened, from the first one on. */
  names(count: number): number;
  bytes(): 'missing' | 'zeros' | 'written';
}

export const ONLY_SYNCED: Freedom = { names: () => 0, bytes: () => 'missing' };
export const NAMES_WITHOUT_BYTES: Freedom = { names: (count) => count, bytes: () => 'missing' };
export const NAMES_AND_SIZES: Freedom = { names: (count) => count, bytes: () => 'zeros' };

/** Any mixture, which is the same for the same seed. */
export function arbitrary(seed: number): Freedom {
  const random = mulberry(seed);
  return {
    names: (count) => Math.floor(random() * (count + 1)),
    bytes: () => (['missing', 'zeros', 'written'] as const)[Math.floor(random() * 3)] ?? 'missing',
  };
}

/** A change of the bytes of a file: bytes at an offset, or its size. */
interface FileChange {
  readonly number: number;
  readonly offset: number;
  /** Absent for a change of the size to `offset`. */
  readonly bytes: Buffer | undefined;
  readonly isSynced: boolean;
}

interface FileNode {
  readonly kind: 'file';
  readonly changes: FileChange[];
  /** Changes up to this number were synced. */
  synced: number;
}

interface NameChange {
  readonly number: number;
  readonly node: Node | undefined;
}

interface DirectoryNode {
  readonly kind: 'directory';
  readonly entries: Map<string, Node>;
  /** By name, with the node that had it from then on. */
  readonly changes: Map<string, NameChange[]>;
  synced: number;
}

type Node = FileNode | DirectoryNode;

/** Files as POSIX promises them: a sync of a file makes its bytes durable, a sync of a directory the names in it, and nothing else does. */
export class DiskModel {
  readonly #root: DirectoryNode = newDirectory();
  readonly #nodes = new Map<string, Node>();
  readonly #syncs = new Map<string, { readonly node: Node; readonly begun: number }>();
  #number = 0;

  apply(entry: Entry): void {
    this.#number++;
    switch (entry.kind) {
      case 'root':
        return void this.#nodes.set(entry.inode, this.#root);
      case 'create':
      case 'mkdir':
        return this.#add(entry.path, entry.inode, entry.kind === 'mkdir' ? newDirectory() : newFile());
      case 'write':
        return this.#change(entry.inode, { ...entry, isSynced: entry.isSynchronous });
      case 'truncate':
        return this.#change(entry.inode, { offset: entry.size, bytes: undefined, isSynced: false });
      case 'begin':
      case 'end':
        return this.#sync(entry);
      case 'remove':
        return this.#name(entry.path, undefined);
      case 'rename':
      case 'link':
        return this.#move(entry);
    }
  }

  /** Writes what a power failure at this moment leaves. */
  async writeTo(directory: string, freedom: Freedom): Promise<void> {
    await writeNode(this.#root, directory, freedom);
  }

  /** What a power failure at this moment leaves, in memory. Valid until the next entry is applied. */
  left(freedom: Freedom): LeftFiles {
    return new LeftFiles(this.#root, freedom);
  }

  #add(path: string, inode: string, node: Node): void {
    this.#nodes.set(inode, node);
    this.#name(path, node);
  }

  #change(inode: string, { offset, bytes, isSynced }: Omit<FileChange, 'number'>): void {
    const node = this.#nodes.get(inode);
    if (node?.kind === 'file') node.changes.push({ number: this.#number, offset, bytes, isSynced });
  }

  #sync(entry: Extract<Entry, { kind: 'begin' | 'end' }>): void {
    if (entry.kind === 'begin') {
      const node = this.#nodes.get(entry.inode);
      if (node) this.#syncs.set(entry.sync, { node, begun: this.#number });
      return;
    }
    const sync = this.#syncs.get(entry.sync);
    if (sync) sync.node.synced = Math.max(sync.node.synced, sync.begun);
  }

  #move({ kind, from, to }: Extract<Entry, { kind: 'rename' | 'link' }>): void {
    const node = this.#find(from);
    if (kind === 'rename') this.#name(from, undefined);
    this.#name(to, node);
  }

  #name(path: string, node: Node | undefined): void {
    const slash = path.lastIndexOf('/');
    const [parent, name] = [this.#find(path.slice(0, slash)), path.slice(slash + 1)];
    if (parent?.kind !== 'directory') return; // its parent was removed in a manner that the journal does not have
    if (node) parent.entries.set(name, node);
    else parent.entries.delete(name);
    const changes = parent.changes.get(name) ?? [];
    changes.push({ number: this.#number, node });
    parent.changes.set(name, changes);
  }

  #find(path: string): Node | undefined {
    let node: Node | undefined = this.#root;
    for (const name of path.split('/').slice(1)) node = node?.kind === 'directory' ? node.entries.get(name) : undefined;
    return node;
  }
}

/** Whether each change is left is decided when it is first looked at. */
export class LeftFiles {
  readonly #root: DirectoryNode;
  readonly #freedom: Freedom;
  readonly #names = new Map<object, Node | undefined>();
  readonly #bytes = new Map<FileNode, Buffer>();

  constructor(root: DirectoryNode, freedom: Freedom) {
    this.#root = root;
    this.#freedom = freedom;
  }

  /** The same object each time, in all that is left by one model, for bytes that were synced. Undefined when there is no such file. */
  read(path: string): Buffer | undefined {
    let node: Node | undefined = this.#root;
    for (const name of path.split('/').slice(1))
      node = node?.kind === 'directory' ? this.#entry(node, name) : undefined;
    if (node?.kind !== 'file') return undefined;
    const bytes = this.#bytes.get(node) ?? syncedBytes(node) ?? bytesOf(node, this.#freedom);
    this.#bytes.set(node, bytes);
    return bytes;
  }

  #entry(directory: DirectoryNode, name: string): Node | undefined {
    const changes = directory.changes.get(name);
    if (!changes) return undefined;
    if (!this.#names.has(changes)) this.#names.set(changes, leftOf(changes, directory.synced, this.#freedom));
    return this.#names.get(changes);
  }
}

const known = new WeakMap<FileNode, { readonly changes: number; readonly bytes: Buffer }>();

/** Undefined when some bytes were not synced. */
function syncedBytes(node: FileNode): Buffer | undefined {
  const { changes, synced } = node;
  if (changes.some(({ number, isSynced }) => !isSynced && number > synced)) return undefined;
  const found = known.get(node);
  if (found?.changes === changes.length) return found.bytes;
  const bytes = bytesOf(node, ONLY_SYNCED);
  known.set(node, { changes: changes.length, bytes });
  return bytes;
}

function leftOf(changes: readonly NameChange[], synced: number, freedom: Freedom): Node | undefined {
  const kept = changes.filter(({ number }) => number <= synced).length;
  return changes[kept + freedom.names(changes.length - kept) - 1]?.node;
}

function newDirectory(): DirectoryNode {
  return { kind: 'directory', entries: new Map(), changes: new Map(), synced: 0 };
}

function newFile(): FileNode {
  return { kind: 'file', changes: [], synced: 0 };
}

async function writeNode(node: Node, path: string, freedom: Freedom): Promise<void> {
  if (node.kind === 'file') return await writeFile(path, bytesOf(node, freedom));
  await mkdir(path, { recursive: true });
  for (const [name, changes] of node.changes) {
    const left = leftOf(changes, node.synced, freedom);
    if (left) await writeNode(left, join(path, name), freedom);
  }
}

function bytesOf({ changes, synced }: FileNode, freedom: Freedom): Buffer {
  const unsynced = freedom.bytes();
  const largest = Math.max(0, ...changes.map(({ offset, bytes }) => offset + (bytes?.length ?? 0)));
  const file = { bytes: Buffer.alloc(largest), size: 0 };
  for (const change of changes) {
    const isThere = change.isSynced || change.number <= synced || unsynced === 'written';
    if (isThere || unsynced === 'zeros') applyTo(file, change, isThere);
  }
  return file.bytes.subarray(0, file.size);
}

function applyTo(
  file: { readonly bytes: Buffer; size: number },
  { offset, bytes }: FileChange,
  isThere: boolean,
): void {
  if (!bytes) file.bytes.fill(0, Math.min(offset, file.size));
  if (bytes && isThere) bytes.copy(file.bytes, offset);
  file.size = bytes ? Math.max(file.size, offset + bytes.length) : offset;
}

/** Random numbers from 0 to 1. */
function mulberry(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
