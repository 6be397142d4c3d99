import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { ImageError } from '../images/image-error.ts';
import { isAbsent, readSmallFile } from '../images/layout-files.ts';
import type { FoundImages } from './found-images.ts';
import { type Lock, parseLock } from './lock-file.ts';
import { isListName, readList } from './read-list.ts';

/** Rendered charts have some megabytes. */
const MAX_BYTES = 16 * 1024 * 1024;
const MAX_FILES = 10_000;

/**
 * The images of files, of the YAML files and Dockerfiles of directories, and of standard input for `-`.
 *
 * @throws {ImageError} for a file that cannot be read
 */
export async function readLists(paths: readonly string[], stdin: AsyncIterable<Uint8Array>): Promise<FoundImages> {
  const images: FoundImages['images'][number][] = [];
  const problems: FoundImages['problems'][number][] = [];
  for (const path of paths) {
    for (const [origin, text] of path === '-'
      ? [['standard input', await readStream(stdin)] as const]
      : await textsOf(path)) {
      const found = readList(text, origin);
      images.push(...found.images);
      problems.push(...found.problems);
    }
  }
  return { images, problems };
}

/** The lock in a file; undefined when there is no file. @throws {ImageError} when it is not a lock */
export async function findLock(path: string): Promise<Lock | undefined> {
  try {
    return parseLock((await readSmallFile(path, MAX_BYTES)).toString('utf8'), path);
  } catch (err) {
    if (isAbsent(err)) return undefined;
    throw err;
  }
}

async function textsOf(path: string): Promise<(readonly [origin: string, text: string])[]> {
  const found = await stat(path).catch((err: unknown) => {
    if (isAbsent(err)) throw new ImageError(`${path}: no such file or directory`);
    throw err;
  });
  const files = found.isDirectory() ? await listFiles(path) : [path];
  const texts: (readonly [string, string])[] = [];
  for (const file of files) texts.push([file, (await readSmallFile(file, MAX_BYTES)).toString('utf8')]);
  return texts;
}

/** Links are not followed. */
async function listFiles(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && isListName(entry.name));
  if (files.length > MAX_FILES) throw new ImageError(`${directory}: refused, it has ${files.length} lists`);
  return files.map((entry) => join(entry.parentPath, entry.name)).sort();
}

async function readStream(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of stream) {
    size += chunk.length;
    if (size > MAX_BYTES) throw new ImageError(`standard input: refused, more than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
