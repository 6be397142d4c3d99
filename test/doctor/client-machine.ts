import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { temporaryDirectory } from '../support/temporary-directory.ts';

/** A client that fails to pull with a message, and the files of its machine. */
export async function clientMachine(client: string, message: string, files: Readonly<Record<string, string>>) {
  const root = await temporaryDirectory();
  const bin = join(root.path, 'bin');
  await mkdir(bin);
  await writeFile(join(bin, client), `#!/bin/sh\necho "${message}" >&2\nexit 1\n`, { mode: 0o755 });
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(root.path, path)), { recursive: true });
    await writeFile(join(root.path, path), text);
  }
  return {
    groups: ['clients'] as const,
    env: { PATH: bin, HOME: '/home/alice' },
    machine: { root: root.path },
    [Symbol.asyncDispose]: () => root[Symbol.asyncDispose](),
  };
}
