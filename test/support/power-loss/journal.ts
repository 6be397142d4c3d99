import { execFile } from 'node:child_process';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { findProgram } from '../programs.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

/** A change of a process to its files, or a step of a sync. `at` is the position of the end of the entry in the journal. */
export type Entry = { readonly at: number } & (
  | { readonly kind: 'root'; readonly inode: string }
  | { readonly kind: 'create' | 'mkdir'; readonly inode: string; readonly path: string }
  | {
      readonly kind: 'write';
      readonly inode: string;
      readonly offset: number;
      readonly bytes: Buffer;
      readonly isSynchronous: boolean;
    }
  | { readonly kind: 'truncate'; readonly inode: string; readonly size: number }
  | { readonly kind: 'begin'; readonly sync: string; readonly inode: string }
  | { readonly kind: 'end'; readonly sync: string }
  | { readonly kind: 'remove'; readonly path: string }
  | { readonly kind: 'rename' | 'link'; readonly from: string; readonly to: string }
);

const WRITE_ONE_FILE = "require('node:fs').writeFile('seen', 'bytes', () => {})";

/** Why file changes cannot be journaled on this machine; undefined when they can. */
export async function whyNoJournal(): Promise<string | undefined> {
  if (process.platform !== 'linux') return 'LD_PRELOAD works as needed on Linux only';
  if ((await findProgram('gcc')) === undefined) return 'there is no gcc';
  await using directory = await temporaryDirectory();
  try {
    await using journal = await startJournal(directory.path);
    const file = join(directory.path, 'seen');
    const program = WRITE_ONE_FILE.replace('seen', file);
    await promisify(execFile)(process.execPath, ['-e', program], { env: { ...process.env, ...journal.env } });
    const isSeen = (await journal.read()).some((entry) => entry.kind === 'write' && String(entry.bytes) === 'bytes');
    return isSeen ? undefined : `the writes of ${process.execPath} are not seen by a preloaded library`;
  } catch (err) {
    return `journal.c does not work: ${String(err)}`;
  }
}

/** Compiles the library that is preloaded into a process. @param root the directory whose changes are journaled; it exists */
export async function startJournal(root: string) {
  const directory = await temporaryDirectory();
  const [library, file] = [join(directory.path, 'journal.so'), join(directory.path, 'journal')];
  const source = join(import.meta.dirname, 'journal.c');
  const gcc = (await findProgram('gcc')) ?? 'gcc';
  await promisify(execFile)(gcc, ['-shared', '-fPIC', '-O1', '-o', library, source, '-ldl']);
  return {
    /** For the process. Changes that io_uring makes would not be seen. */
    env: { LD_PRELOAD: library, UV_USE_IO_URING: '0', POWER_LOSS_ROOT: root, POWER_LOSS_JOURNAL: file },
    /** Everything that happened before is in the journal before this position. */
    position: async () => (await stat(file)).size,
    read: async () => [...parseJournal(await readFile(file))],
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

/** @throws {Error} for a text that is not a journal */
function* parseJournal(journal: Buffer): Generator<Entry> {
  for (let at = 0; at < journal.length; ) {
    const end = journal.indexOf('\n', at);
    if (end < 0) return; // the process was killed while it wrote this
    const fields = journal.toString('utf8', at, end).split('\t');
    at = end + 1;
    const length = fields[0] === 'write' ? Number(fields[3]) : 0;
    if (at + length > journal.length) return;
    const entry = parseEntry(fields, journal.subarray(at, at + length));
    at += length;
    yield { at, ...entry };
  }
}

type Unplaced<T> = T extends unknown ? Omit<T, 'at'> : never;

function parseEntry([kind, first = '', second = '', , last]: string[], bytes: Buffer): Unplaced<Entry> {
  switch (kind) {
    case 'root':
      return { kind, inode: first };
    case 'create':
    case 'mkdir':
      return { kind, inode: first, path: second };
    case 'write':
      return { kind, inode: first, offset: Number(second), bytes, isSynchronous: last === '1' };
    case 'truncate':
      return { kind, inode: first, size: Number(second) };
    case 'begin':
      return { kind, sync: first, inode: second };
    case 'end':
      return { kind, sync: first };
    case 'remove':
      return { kind, path: first };
    case 'rename':
    case 'link':
      return { kind, from: first, to: second };
    default:
      throw new Error(`not an entry of a journal: ${String(kind).slice(0, 100)}`);
  }
}
