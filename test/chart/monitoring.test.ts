import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

import { CHART, HELM, renderCase } from './helm.ts';
import { findObjects, getObject } from './workload.ts';

const ROOT = join(import.meta.dirname, '../..');
/** Files of the chart and where they come from. */
const COPIES: readonly [copy: string, origin: string][] = [
  ['files/rules.yml', 'deploy/prometheus/rules.yml'],
  ['files/dashboard.json', 'deploy/grafana/layover.json'],
];

const readChart = (file: string) => readFile(join(CHART, file), 'utf8');

it.each(COPIES)('%s is a copy of %s', async (copy, origin) => {
  expect(await readChart(copy), `cp ${origin} charts/layover/${copy}`).toBe(await readFile(join(ROOT, origin), 'utf8'));
});

describe.runIf(HELM)('the chart for monitoring', () => {
  it('has all alerts but the disabled ones, with their templates as they are', async () => {
    const rule = getObject(await renderCase('monitoring'), 'PrometheusRule');
    const expected = (await readRules()).map(({ name, rules }) => ({
      name,
      rules: rules.filter(({ alert }) => alert !== 'LayoverStorageFull'),
    }));
    expect(rule['spec'].groups).toEqual(expected);
  });

  it('has the dashboard as it is', async () => {
    const config = getObject(await renderCase('monitoring'), 'ConfigMap', '-dashboard');
    expect(JSON.parse(config['data']['layover.json'])).toEqual(await readDashboard());
    expect(config.metadata).toMatchObject({
      labels: { grafana_dashboard: '1' },
      annotations: { grafana_folder: 'Registries' },
    });
  });

  it('scrapes each replica once', async () => {
    const objects = await renderCase('monitoring');
    const { selector, endpoints } = getObject(objects, 'ServiceMonitor')['spec'];
    const selected = findObjects(objects, 'Service').filter((service) =>
      Object.entries(selector.matchLabels).every(([key, value]) => service.metadata.labels?.[key] === value),
    );
    expect(selected).toHaveLength(1);
    expect(selected[0]?.['spec'].ports.map(({ name }: { name: string }) => name)).toContain(endpoints[0].port);
  });
});

interface Group {
  readonly name: string;
  readonly rules: readonly { readonly alert: string }[];
}

async function readRules(): Promise<readonly Group[]> {
  const { groups } = parse(await readChart('files/rules.yml')) as { groups: Group[] };
  return groups;
}

const readDashboard = async (): Promise<unknown> => JSON.parse(await readChart('files/dashboard.json'));
