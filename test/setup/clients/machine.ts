import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { filesBelow } from '../../support/data-directory.ts';
import { runLayover } from '../../support/run-layover.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

export const ADDRESS = ['--address', 'https://cache.example.com'];

/** A machine's files. */
export async function machine(files: Readonly<Record<string, string>> = {}) {
  const directory = await temporaryDirectory();
  const at = (path: string) => join(directory.path, path);
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(at(path)), { recursive: true });
    await writeFile(at(path), text);
  }
  const contents = async () => {
    const paths = (await filesBelow(directory.path)).toSorted();
    return Object.fromEntries(
      await Promise.all(
        paths.map(async (path) => [path.slice(directory.path.length + 1), await readFile(path, 'utf8')]),
      ),
    ) as Record<string, string>;
  };
  return {
    at,
    contents,
    setup: (...args: readonly string[]) => runLayover(['setup', '--root', directory.path, ...ADDRESS, ...args]),
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}
