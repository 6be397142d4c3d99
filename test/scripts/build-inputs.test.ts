import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';

import { hashInputs } from '../../scripts/build/inputs.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const FILES = [
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  'tsconfig.build.json',
  'src/main.ts',
  'src/oci/digest.ts',
  'scripts/build/main.ts',
];

it('a build is current until a file that it reads has other content, another name, or is new', async () => {
  await using directory = await temporaryDirectory();
  const write = async (path: string, content: string) => {
    await mkdir(dirname(join(directory.path, path)), { recursive: true });
    await writeFile(join(directory.path, path), content);
  };
  for (const path of FILES) await write(path, path);
  const before = await hashInputs(directory.path);
  await write('docs/index.md', 'not an input');
  expect(await hashInputs(directory.path)).toBe(before);
  for (const path of [...FILES, 'src/oci/new.ts']) {
    await write(path, 'changed');
    expect(await hashInputs(directory.path), path).not.toBe(before);
    await write(path, path);
  }
});
