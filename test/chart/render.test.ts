import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { VERSION } from '../../src/version.ts';
import { missingPrograms, whyNotBuilt } from '../support/programs.ts';
import { CASES, CHART, HELM, HELM_PROGRAMS, HELMS, valuesOf } from './helm.ts';

for (const program of await missingPrograms(HELM_PROGRAMS))
  console.warn(`skipped: no ${program}: ${(await whyNotBuilt(program)) ?? 'npm run test:chart builds it'}`);

const GOLDEN = join(import.meta.dirname, 'golden');

describe.each(HELMS)('$name', (helm) => {
  it.each(CASES)('finds no fault in the chart with the values %s', async (name) => {
    await expect(helm.run('lint', '--strict', CHART, '--values', valuesOf(name))).resolves.toBeDefined();
  });

  it.each(CASES)('renders %s as before', async (name) => {
    const text = await helm.template('--values', valuesOf(name));
    await expect(comparable(text)).toMatchFileSnapshot(join(GOLDEN, `${name}.yaml`));
  });
});

it.runIf(HELM)('renders the same text again: nothing is random', async () => {
  const render = () => HELM?.template('--values', valuesOf('disk-tls'));
  expect(await render()).toBe(await render());
});

/** Without blank lines and comments, in which Helm 3 and 4 differ, and without the version, which each release changes. */
function comparable(text: string): string {
  const lines = text.split('\n').filter((line) => line.trim() !== '' && !/^\s*#/.test(line));
  return `${lines.join('\n').replaceAll(VERSION, 'VERSION')}\n`;
}
