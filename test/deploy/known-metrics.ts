import { createMetrics } from '../../src/telemetry/metrics.ts';
import { parsePromql } from './promql.ts';

/** Labels that Prometheus adds to every time series of a target. */
const TARGET_LABELS = ['namespace', 'job', 'instance'];
/** Metrics that Prometheus itself makes for a target. */
const OF_PROMETHEUS = ['up'];
/** What a family of this type has in place of its own name. */
const SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  histogram: ['_bucket', '_sum', '_count'],
  summary: ['_sum', '_count'],
};

/** Name → labels of every time series that can be on a metrics page. */
export type KnownMetrics = ReadonlyMap<string, ReadonlySet<string>>;

/** Those of a metrics page, whether they have time series or not. @param page of a running server */
export function knownMetrics(page: string): KnownMetrics {
  const registered = new Map(createMetrics().families.map(({ name, labels }) => [name, labels]));
  const known = new Map<string, Set<string>>(OF_PROMETHEUS.map((name) => [name, new Set(TARGET_LABELS)]));
  for (const [, family = '', type = ''] of page.matchAll(/^# TYPE (\w+) (\w+)$/gm)) {
    const labels = [...TARGET_LABELS, ...(registered.get(family) ?? []), ...labelsOnPage(page, family)];
    for (const suffix of SUFFIXES[type] ?? ['']) {
      known.set(family + suffix, new Set(suffix === '_bucket' ? [...labels, 'le'] : labels));
    }
  }
  return known;
}

function labelsOnPage(page: string, family: string): string[] {
  const samples = page.match(new RegExp(`^${family}(?:_bucket)?\\{.*\\} `, 'gm')) ?? [];
  return samples.flatMap((sample) => sample.match(/\w+(?==")/g) ?? []).filter((label) => label !== 'le');
}

/** One line for each metric that is not registered and each label that its metrics do not have. */
export function problemsOf(expression: string, known: KnownMetrics): string[] {
  const { selectors, grouping } = parsePromql(expression);
  const labels = labelsOf(expression, known);
  return [
    ...selectors.flatMap(({ metric, labels: matched }) => {
      const has = known.get(metric);
      if (has === undefined) return [`no metric ${metric}`];
      return matched.filter((label) => !has.has(label)).map((label) => `${metric} has no label ${label}`);
    }),
    ...grouping.filter((label) => !labels.has(label)).map((label) => `no metric here has the label ${label}`),
  ];
}

/** Labels of the metrics in an expression. */
export function labelsOf(expression: string, known: KnownMetrics): ReadonlySet<string> {
  return new Set(parsePromql(expression).selectors.flatMap(({ metric }) => [...(known.get(metric) ?? [])]));
}
