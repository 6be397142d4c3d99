import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';

import { hashInputs, PAGE, PARTS } from '../../scripts/build/inputs.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const FILES = [
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  'tsconfig.build.json',
  'src/main.ts',
  'src/oci/digest.ts',
  'scripts/build/main.ts',
  `${PAGE}/main.tsx`,
];

it('a build is current until a file that it reads has other content, another name, or is new', async () => {
  await using directory = await temporaryDirectory();
  const write = async (path: string, content: string) => {
    await mkdir(dirname(join(directory.path, path)), { recursive: true });
    await writeFile(join(directory.path, path), content);
  };
  const hashes = async () => ({
    program: await hashInputs(directory.path, PARTS.program),
    dashboard: await hashInputs(directory.path, PARTS.dashboard),
  });
  for (const path of FILES) await write(path, path);
  const before = await hashes();
  await write('docs/index.md', 'not an input');
  expect(await hashes()).toEqual(before);
  for (const path of [...FILES, 'src/oci/new.ts', `${PAGE}/new.tsx`]) {
    await write(path, 'changed');
    const { program, dashboard } = await hashes();
    const isNew = !FILES.includes(path);
    const isPage = path.startsWith(PAGE);
    const isProgram = !isPage && (path.startsWith('src/') || path === 'tsconfig.build.json');
    expect(program !== before.program, path).toBe(!isPage);
    expect(dashboard !== before.dashboard, path).toBe(!isProgram);
    await write(path, path);
    if (isNew) await rm(join(directory.path, path));
  }
});
