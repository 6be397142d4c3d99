import type { Metrics } from '../telemetry/metrics.ts';

interface Series {
  /** A level, and not something counted. */
  readonly isLevel?: true;
  read(metrics: Metrics): number;
}

type Labels = Readonly<Record<string, string>>;

const outcome = (name: string): Series => ({
  read: ({ cacheRequests }) => cacheRequests.sum((labels) => labels['outcome'] === name),
});
const fillsThat = (...results: readonly string[]): Series => ({
  read: ({ fills }) => fills.sum(({ result = '' }) => results.includes(result)),
});
/** Health checks are no use of the registry. */
const isOfRegistry = ({ handler }: Labels) => handler !== 'other';
const isServerError = (labels: Labels) => isOfRegistry(labels) && labels['code']?.startsWith('5') === true;
const isUpstreamError = ({ status = '' }: Labels) => status.startsWith('error:') || status.startsWith('5');

/** What the history has, all from the metrics of the process, which workers add to. */
export const SERIES = {
  requests: { read: ({ httpRequests }) => httpRequests.sum(isOfRegistry) },
  errors: { read: ({ httpRequests }) => httpRequests.sum(isServerError) },
  refused: { read: ({ clientsRefused }) => clientsRefused.sum() },
  failedLogins: { read: ({ loginsFailed }) => loginsFailed.sum() },
  hits: outcome('hit'),
  stale: outcome('stale'),
  shared: outcome('fill'),
  misses: outcome('miss'),
  bypassed: outcome('bypass'),
  clientBytes: { read: ({ clientBytes }) => clientBytes.sum() },
  upstreamBytes: { read: ({ upstreamBytes }) => upstreamBytes.sum() },
  upstreamRequests: { read: ({ upstreamRequests }) => upstreamRequests.sum() },
  upstreamErrors: { read: ({ upstreamRequests }) => upstreamRequests.sum(isUpstreamError) },
  upstreamThrottled: { read: ({ upstreamRequests }) => upstreamRequests.sum(({ status }) => status === '429') },
  fillsCompleted: fillsThat('completed'),
  fillsFailed: fillsThat('failed', 'discarded'),
  pullsSaved: { read: ({ pullsSaved }) => pullsSaved.sum() },
  evictedBytes: { read: ({ evictedBytes }) => evictedBytes.value },
  fillsRunning: { isLevel: true, read: ({ fillsInFlight }) => fillsInFlight.value },
  fillWaiters: { isLevel: true, read: ({ fillWaiters }) => fillWaiters.value },
  storedBytes: { isLevel: true, read: ({ storeBytes }) => storeBytes.value },
} as const satisfies Readonly<Record<string, Series>>;

export type SeriesName = keyof typeof SERIES;

export const SERIES_NAMES = Object.keys(SERIES) as readonly SeriesName[];

export const IS_LEVEL: readonly boolean[] = SERIES_NAMES.map((name) => 'isLevel' in SERIES[name]);

/** Sums since the first start are kept of these, for {@link savedBytes} and ratios. */
export const LASTING: readonly SeriesName[] = [
  'requests',
  'hits',
  'stale',
  'shared',
  'misses',
  'bypassed',
  'clientBytes',
  'upstreamBytes',
  'pullsSaved',
];

/** Sums of series by their names. */
export type Sums = (name: SeriesName) => number;

/** @returns undefined without any request for content of upstreams */
export function hitRatio(sum: Sums): number | undefined {
  const served = sum('hits') + sum('stale');
  const all = served + sum('shared') + sum('misses') + sum('bypassed');
  return all === 0 ? undefined : served / all;
}

/** Bytes that clients got and no upstream had to send. */
export function savedBytes(sum: Sums): number {
  return Math.max(0, sum('clientBytes') - sum('upstreamBytes'));
}
