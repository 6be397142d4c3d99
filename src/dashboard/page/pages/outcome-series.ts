import type { HistoryView } from '../../../operations/status-control.ts';

/** What the cache did for requests for content of upstreams: names of series of the history. */
export const OUTCOMES = ['hits', 'shared', 'misses', 'stale', 'bypassed'] as const;
export type Outcome = (typeof OUTCOMES)[number];

export interface OutcomeSeries {
  readonly stepSeconds: number;
  /** Of the chart, whose last step ends at `end`. */
  readonly rangeSeconds: number;
  /** Unix seconds. */
  readonly end: number;
  /** Start of each step. Unix seconds. */
  readonly times: readonly number[];
  /** `null`: nothing is known about the step. */
  readonly values: Readonly<Record<Outcome, readonly (number | null)[]>>;
  readonly totals: Readonly<Record<Outcome, number>>;
}

const RANGE_SECONDS = { '1h': 3_600, '24h': 86_400, '90d': 90 * 86_400 } as const;

export function outcomesOf({ from, range, stepSeconds, series }: HistoryView): OutcomeSeries {
  const start = Date.parse(from) / 1_000;
  const length = Math.max(0, ...OUTCOMES.map((name) => series[name]?.length ?? 0));
  const each = <T>(make: (values: readonly (number | null)[]) => T) =>
    Object.fromEntries(OUTCOMES.map((name) => [name, make(series[name] ?? [])])) as Record<Outcome, T>;
  return {
    stepSeconds,
    rangeSeconds: RANGE_SECONDS[range],
    end: start + length * stepSeconds,
    times: Array.from({ length }, (_, i) => start + i * stepSeconds),
    values: each((values) => values),
    totals: each((values) => values.reduce<number>((sum, value) => sum + (value ?? 0), 0)),
  };
}
