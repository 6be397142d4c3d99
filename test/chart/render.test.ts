import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { VERSION } from '../../src/version.ts';
import { CASES, CHART, HELMS, valuesOf } from './helm.ts';

const GOLDEN = join(import.meta.dirname, 'golden');

describe.each(HELMS)('$name', (helm) => {
  it.each(CASES)('finds no fault in the chart with the values %s', async (name) => {
    await expect(helm.run('lint', '--strict', CHART, '--values', valuesOf(name))).resolves.toBeDefined();
  });

  it.each(CASES)('renders %s as before', async (name) => {
    const text = await helm.template('--values', valuesOf(name));
    await expect(comparable(text)).toMatchFileSnapshot(join(GOLDEN, `${name}.yaml`));
  });

  it('renders the same text again: nothing is random', async () => {
    const render = () => helm.template('--values', valuesOf('disk-tls'));
    expect(await render()).toBe(await render());
  });
});

/** Without blank lines and comments, in which Helm 3 and 4 differ, and without the version, which each release changes. */
function comparable(text: string): string {
  const lines = text.split('\n').filter((line) => line.trim() !== '' && !/^\s*#/.test(line));
  return `${lines.join('\n').replaceAll(VERSION, 'VERSION')}\n`;
}
