import { beforeAll, describe, expect, it } from 'vitest';

import { createMetrics } from '../../src/telemetry/metrics.ts';
import { type KnownMetrics, knownMetrics, problemsOf } from './known-metrics.ts';
import { parsePromql } from './promql.ts';

describe('an expression', () => {
  it('has selectors with their labels, and grouping labels', () => {
    const text = 'sum by (le, a) (rate(m{x="1",y!~"$v"}[$__rate_interval])) / on (b) group_left (c) n > 2';
    expect(parsePromql(text)).toEqual({
      selectors: [
        { metric: 'm', labels: ['x', 'y'] },
        { metric: 'n', labels: [] },
      ],
      grouping: ['le', 'a', 'b', 'c'],
    });
  });

  it.each(['sum(', 'rate(m[5m]', 'm{x=}', 'm n'])('that is broken is an error: %s', (text) => {
    expect(() => parsePromql(text)).toThrow('syntax error');
  });
});

describe('a problem is', () => {
  let known: KnownMetrics;
  beforeAll(async () => {
    known = knownMetrics((await createMetrics().render()).text);
  });

  it.each([
    ['a metric that does not exist', 'rate(layover_fils_total[5m])', ['no metric layover_fils_total']],
    ['a histogram without its suffix', 'layover_fill_seconds', ['no metric layover_fill_seconds']],
    ['a label that the metric does not have', 'up{upstream="x"}', ['up has no label upstream']],
    ['a group that no metric has', 'sum by (host) (layover_clients)', ['no metric here has the label host']],
  ])('%s', (_, expression, problems) => {
    expect(problemsOf(expression, known)).toEqual(problems);
  });

  it.each([
    'histogram_quantile(0.9, sum by (le, upstream) (rate(layover_fill_seconds_bucket{namespace="a"}[5m])))',
    'rate(nodejs_gc_duration_seconds_sum[5m]) + on (instance) process_resident_memory_bytes',
    'nodejs_heap_space_size_used_bytes{space="old"}',
  ])('not in %s', (expression) => {
    expect(problemsOf(expression, known)).toEqual([]);
  });
});
