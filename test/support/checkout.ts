import { cp, symlink } from 'node:fs/promises';
import { join } from 'node:path';

import { temporaryDirectory } from './temporary-directory.ts';

const ROOT = join(import.meta.dirname, '../..');
const COPIED = [
  ...['Makefile', 'package.json', 'package-lock.json', 'CHANGELOG.md', 'LICENSE', 'README.md', 'biome.json'],
  ...['tsconfig.json', 'tsconfig.build.json', 'src', 'config', 'scripts', 'tests', 'test/setup', 'changes'],
];

/** A copy of what building and releasing need, to be changed freely; packages are those of this checkout. */
export async function copyCheckout(): Promise<AsyncDisposable & { readonly path: string }> {
  const directory = await temporaryDirectory();
  const notData = (source: string) => source !== join(ROOT, 'tests/cloud-storage');
  for (const name of COPIED) {
    await cp(join(ROOT, name), join(directory.path, name), { recursive: true, filter: notData });
  }
  await symlink(join(ROOT, 'node_modules'), join(directory.path, 'node_modules'));
  return directory;
}
