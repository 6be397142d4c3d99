import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';

import { VERSION } from '../src/version.ts';

it('the program prints the version of its package', async () => {
  const manifest = await readFile(new URL('../package.json', import.meta.url), 'utf8');
  expect(VERSION).toBe((JSON.parse(manifest) as { version: string }).version);
});
