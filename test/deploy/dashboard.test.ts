import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from 'vitest';

import { createDashboard } from '../../scripts/dashboard/dashboard.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { type KnownMetrics, labelsOf, problemsOf } from './known-metrics.ts';
import { metricsOfServer } from './metrics-of-server.ts';
import { parsePromql } from './promql.ts';
import { panelQueries, readDashboard } from './read-dashboard.ts';

const dashboard = await readDashboard();
let known: KnownMetrics;
beforeAll(async () => {
  known = await metricsOfServer();
});

describe('deploy/grafana/layover.json', () => {
  it('is what npm run dashboard writes', () => {
    expect(dashboard, 'run npm run dashboard').toEqual(JSON.parse(JSON.stringify(createDashboard())));
  });

  it('can be imported again and linked to: a stable uid, no id, the data source of the reader', () => {
    expect(dashboard).toMatchObject({ uid: 'layover-cache', schemaVersion: 42 });
    expect(dashboard).not.toHaveProperty('id');
    const uids = JSON.stringify(dashboard).match(/(?<="uid":")[^"]*/g) ?? [];
    expect(new Set(uids)).toEqual(new Set(['layover-cache', '${datasource}']));
  });

  it('has eight rows of panels that do not overlap, each with a description', () => {
    const rows = dashboard.panels.filter(({ type }) => type === 'row').map(({ title }) => title);
    expect(rows).toEqual(['Worth it?', 'Traffic', 'Upstreams', 'Pull limits', 'Fills', 'Store', 'Errors', 'Process']);
    const panels = dashboard.panels.filter(({ type }) => type !== 'row');
    expect(panels.filter(({ description = '' }) => !/^[\w(].*\.$/.test(description)).map(({ title }) => title)).toEqual(
      [],
    );
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, index) => `${x + (index % w)},${y + Math.floor(index / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
  });

  it.each(panelQueries(dashboard))('$title: $expr uses metrics and labels that are registered', ({ expr, legend }) => {
    expect(problemsOf(expr, known)).toEqual([]);
    const { grouping } = parsePromql(expr);
    const shown = [...legend.matchAll(/\{\{(\w+)\}\}/g)].map(([, label]) => label);
    const kept = expr.startsWith('sum') || expr.startsWith('histogram') ? new Set(grouping) : labelsOf(expr, known);
    expect(shown.filter((label) => !kept.has(label ?? ''))).toEqual([]);
  });

  it('chooses variables by metrics and labels that are registered', () => {
    const queries = dashboard.templating.list.flatMap(({ query }) =>
      query.startsWith('label_values') ? [/^label_values\((.+), (\w+)\)$/.exec(query) ?? []] : [],
    );
    expect(queries).toHaveLength(3);
    for (const [, expr = '', label = ''] of queries) {
      expect(problemsOf(expr, known)).toEqual([]);
      expect(labelsOf(expr, known)).toContain(label);
    }
  });

  it('shows every metric of Layover itself', () => {
    const shown = new Set(
      panelQueries(dashboard).flatMap(({ expr }) => parsePromql(expr).selectors.map(({ metric }) => metric)),
    );
    const isShown = (name: string) => ['', '_bucket', '_sum', '_count'].some((suffix) => shown.has(name + suffix));
    const names = createMetrics().families.map(({ name }) => name);
    expect(names.filter((name) => name.startsWith('layover_') && !isShown(name))).toEqual(['layover_disk_size_bytes']);
  });
});

it('docs/operating.md lists every metric of Layover', async () => {
  const pages = await Promise.all(
    ['operating', 'operating-cache', 'notifications', 'redis', 'authentication'].map((page) =>
      readFile(`docs/${page}.md`, 'utf8'),
    ),
  );
  const listed = new Set(pages.join('\n').match(/\blayover_\w+/g));
  const names = createMetrics().families.map(({ name }) => name);
  expect(names.filter((name) => name.startsWith('layover_') && !listed.has(name))).toEqual([]);
});
