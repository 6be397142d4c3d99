import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

import { listValues, withValues } from '../../scripts/chart-docs/values.ts';
import { configJsonSchema } from '../../src/config/schema/json-schema.ts';
import { VERSION } from '../../src/version.ts';
import { CHART } from './helm.ts';

const read = (file: string) => readFile(join(CHART, file), 'utf8');
const files = { schema: await read('values.schema.json'), values: await read('values.yaml') };

describe('the values of the chart', () => {
  it('are listed in its README (npm run chart-docs)', async () => {
    const readme = await read('README.md');
    expect(withValues(readme, files)).toBe(readme);
  });

  it('have a description each', () => {
    for (const { name, description } of listValues(files)) expect(description, name).toMatch(/.\.$|^[^.]*$/);
    expect(listValues(files).filter(({ description }) => description === '')).toEqual([]);
  });

  it('have the keys of upstreams that Layover has', () => {
    const { upstream } = JSON.parse(files.schema).definitions;
    // oxlint-disable-next-line typescript/no-explicit-any
    const config = configJsonSchema() as any;
    const known = Object.keys(config.properties.proxy.properties.upstreams.items.properties);
    const chart = Object.keys(upstream.properties).filter((key) => key !== 'caSecret');
    expect(chart.toSorted()).toEqual(known.filter((key) => key !== 'tls').toSorted());
  });

  it('belong to a chart of this version of Layover', async () => {
    expect(parse(await read('Chart.yaml'))).toMatchObject({ name: 'layover', appVersion: VERSION });
  });
});
