import { collectDefaultMetrics, type Metric, Registry } from 'prom-client';

import type { MetricFamily } from './metric-family.ts';

export type MetricPages = ReturnType<typeof createMetricPages>;

interface JsonFamily {
  readonly name: string;
  readonly type: string;
  readonly values: readonly { readonly value: number; readonly metricName?: string }[];
}

/** Sums of gauges that have the labels; `_total` is for counters. */
const REDUNDANT = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total'];

/** The metrics as Prometheus reads them, with those of the process, which is measured from now on. */
export function createMetricPages(families: readonly MetricFamily[]) {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  for (const name of REDUNDANT) registry.removeSingleMetric(name);
  // A registry only calls `get()` on its metrics, but its type requires prom-client's own classes.
  for (const family of families) registry.registerMetric(family as unknown as Metric);
  return {
    async totals(): Promise<Record<string, number>> {
      const read = (await registry.getMetricsAsJSON()) as unknown as readonly JsonFamily[];
      return Object.fromEntries(read.map(totalOf));
    },
    async render(): Promise<{ contentType: string; text: string }> {
      return { contentType: registry.contentType, text: await registry.metrics() };
    },
  };
}

function totalOf({ name, type, values }: JsonFamily): [name: string, total: number] {
  const counted = type === 'histogram' || type === 'summary' ? `${name}_count` : name;
  const samples = values.filter(({ metricName = name }) => metricName === counted);
  return [counted, samples.reduce((sum, { value }) => sum + value, 0)];
}
