import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';

import { runLayover } from '../support/run-layover.ts';

const hasMandoc = spawnSync('mandoc', ['-V']).error === undefined;
if (!hasMandoc) console.warn('mandoc is missing: the syntax of the man page is not tested');

it('has every command with its options', async () => {
  const { code, stdout } = await runLayover(['man']);
  expect(code).toBe(0);
  for (const line of ['.Nm layover', '.It Cm serve Ar config.yml', '.It Cm cache evict Ar name', '.It Fl -json']) {
    expect(stdout).toContain(line);
  }
});

it.skipIf(!hasMandoc)('is a page in which mandoc finds no fault', async () => {
  const { stdout } = await runLayover(['man']);
  const { stdout: faults, status } = spawnSync('mandoc', ['-Tlint'], { input: stdout, encoding: 'utf8' });
  expect([faults, status]).toEqual(['', 0]);
});
