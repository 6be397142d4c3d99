import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';

import { type KnownMetrics, labelsOf, problemsOf } from './known-metrics.ts';
import { metricsOfServer } from './metrics-of-server.ts';
import { parsePromql } from './promql.ts';
import { DEPLOY } from './read-dashboard.ts';

interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly description: string; readonly runbook_url: string };
}

interface Case {
  readonly promql_expr_test: readonly { readonly expr: string; readonly exp_samples: readonly unknown[] }[];
}

const folder = join(DEPLOY, 'prometheus');
const read = async <T>(file: string) => parse(await readFile(join(folder, file), 'utf8')) as T;

const { groups } = await read<{ groups: { rules: Alert[] }[] }>('rules.yml');
const alerts = groups.flatMap(({ rules }) => rules);
const files = await Promise.all(
  (await readdir(join(folder, 'tests'))).map((file) => read<{ tests: Case[] }>(`tests/${file}`)),
);
const cases = files.flatMap(({ tests }) => tests.flatMap((each) => each.promql_expr_test));
const operating = await readFile(join(DEPLOY, '../docs/operating.md'), 'utf8');

let known: KnownMetrics;
beforeAll(async () => {
  known = await metricsOfServer();
});

describe.each(alerts)('$alert', ({ alert, expr, labels, annotations }) => {
  it('uses metrics and labels that are registered', () => {
    expect(problemsOf(expr, known)).toEqual([]);
  });

  it('has texts whose labels the expression keeps', () => {
    const texts = `${annotations.summary} ${annotations.description}`;
    const shown = [...texts.matchAll(/\$labels\.(\w+)/g)].map(([, label = '']) => label);
    const { grouping } = parsePromql(expr);
    const kept = new Set([...grouping, ...(/^(?:sum|max|min)\b/.test(expr) ? [] : labelsOf(expr, known))]);
    expect(shown.filter((label) => !kept.has(label))).toEqual([]);
    expect(labels.severity).toMatch(/^(?:critical|warning|info)$/);
  });

  it('has a section in docs/operating.md, which says where to look and what to do', () => {
    expect(annotations.runbook_url).toBe(`docs/operating.md#${alert.toLowerCase()}`);
    const [, section = ''] = operating.split(`\n### ${alert}\n`);
    expect(section.split('\n#')[0]?.match(/^- /gm)?.length).toBeGreaterThanOrEqual(2);
  });

  it('has a case in which it fires, and one in which it does not', () => {
    const own = cases.filter((each) => each.expr.includes(`"${alert}"`));
    expect(own.filter(({ exp_samples: samples }) => samples.length > 0)).not.toEqual([]);
    expect(own.filter(({ exp_samples: samples }) => samples.length === 0)).not.toEqual([]);
  });
});

it('docs/operating.md has no section of an alert that does not exist', () => {
  const sections = operating.match(/(?<=^### )Layover\w+$/gm);
  expect(sections?.toSorted()).toEqual(alerts.map(({ alert }) => alert).toSorted());
});
