import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

import { createMetrics } from '../../src/telemetry/metrics.ts';
import { CHART, HELM, renderCase } from './helm.ts';
import { findObjects, getObject } from './workload.ts';

const ROOT = join(import.meta.dirname, '../..');
/** Files of the chart and where they come from, once there is such a file. */
const COPIES: readonly [copy: string, origin: string][] = [
  ['files/rules.yml', 'deploy/prometheus/rules.yml'],
  ['files/dashboard.json', 'deploy/grafana/layover.json'],
];

const readChart = (file: string) => readFile(join(CHART, file), 'utf8');

describe('the alerts and the dashboard', () => {
  it('query metrics that Layover has', async () => {
    const known = await metricNames();
    const expressions = [...(await alertExpressions()), ...(await panelExpressions())];
    expect(expressions.length).toBeGreaterThan(10);
    for (const expression of expressions)
      for (const [name] of expression.matchAll(/\b(?:layover|registry)_\w+/g))
        expect(known, expression).toContain(name);
  });

  it.each(COPIES)('%s is a copy of %s', async (copy, origin) => {
    const text = await readChart(copy);
    expect(text).toBe(await readFile(join(ROOT, origin), 'utf8').catch(() => text));
  });

  it('have a description each', async () => {
    for (const { alert, annotations } of await readRules())
      expect(annotations, alert).toEqual({ summary: expect.any(String), description: expect.any(String) });
    for (const { title, description } of (await readDashboard()).panels) expect(description, title).toBeTruthy();
  });
});

describe.runIf(HELM)('the chart for monitoring', () => {
  it('has all alerts but the disabled ones, with their templates as they are', async () => {
    const rule = getObject(await renderCase('monitoring'), 'PrometheusRule');
    const expected = (await readRules()).filter(({ alert }) => alert !== 'LayoverStorageFull');
    expect(rule['spec'].groups).toEqual([{ name: 'layover', rules: expected }]);
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

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly annotations: Readonly<Record<string, string>>;
}

async function readRules(): Promise<readonly Rule[]> {
  const { groups } = parse(await readChart('files/rules.yml')) as { groups: { rules: Rule[] }[] };
  return groups.flatMap(({ rules }) => rules);
}

const alertExpressions = async () => (await readRules()).map(({ expr }) => expr);

interface Dashboard {
  readonly panels: readonly { title: string; description: string; targets: { expr: string }[] }[];
}

const readDashboard = async () => JSON.parse(await readChart('files/dashboard.json')) as Dashboard;

const panelExpressions = async () =>
  (await readDashboard()).panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));

/** With the series of histograms. */
async function metricNames(): Promise<ReadonlySet<string>> {
  const { text } = await createMetrics().render();
  const types = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)];
  return new Set(
    types.flatMap(([, name = '', type]) =>
      type === 'histogram' ? ['_bucket', '_sum', '_count'].map((suffix) => name + suffix) : [name],
    ),
  );
}
