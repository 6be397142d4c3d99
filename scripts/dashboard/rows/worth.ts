import { graph, stat, type PanelFactory } from '../panels.ts';
import { increaseOf, OF_UPSTREAM, ON, orZero, rateOf } from '../selectors.ts';

const REQUESTS = 'layover_cache_requests_total';
const FROM_STORAGE = `${OF_UPSTREAM},outcome=~"hit|stale"`;
const WITHOUT_UPSTREAM = `${OF_UPSTREAM},outcome=~"hit|stale|fill"`;
const RATIO_STEPS = [
  { value: null, color: 'red' },
  { value: 0.5, color: 'yellow' },
  { value: 0.8, color: 'green' },
];
const SENT = increaseOf('layover_client_bytes_total', { where: OF_UPSTREAM });
const RECEIVED = orZero(increaseOf('layover_upstream_bytes_total', { where: OF_UPSTREAM }));

/** Whether the cache saves requests and bytes. */
export const worth: readonly PanelFactory[] = [
  stat({
    title: 'Hit ratio',
    description:
      'Requests for content served from storage, in the chosen time range. Low: content is new, evicted too early, or not cached at all.',
    unit: 'percentunit',
    expr: `${orZero(increaseOf(REQUESTS, { where: FROM_STORAGE }))} / ${increaseOf(REQUESTS, { where: OF_UPSTREAM })}`,
    thresholds: RATIO_STEPS,
  }),
  stat({
    title: 'Bytes from the cache',
    description: 'Part of the bytes sent to clients that did not come from an upstream in the chosen time range.',
    unit: 'percentunit',
    expr: `clamp_min(1 - ${RECEIVED} / ${SENT}, 0)`,
    thresholds: RATIO_STEPS,
  }),
  stat({
    title: 'Traffic saved',
    description: 'Bytes sent to clients, minus bytes received from upstreams. Negative while the cache fills.',
    unit: 'bytes',
    expr: `${SENT} - ${RECEIVED}`,
  }),
  stat({
    title: 'Requests avoided',
    description:
      'Requests for content that caused no request for it at the upstream: from storage, or by joining a fill in progress.',
    unit: 'short',
    expr: orZero(increaseOf(REQUESTS, { where: WITHOUT_UPSTREAM })),
  }),
  stat({
    title: 'Lowest rate limit left',
    description:
      'Part of the pulls that an upstream still allows, by its latest response. Empty when no upstream sends a limit.',
    unit: 'percentunit',
    expr: `min(layover_upstream_ratelimit_remaining{${OF_UPSTREAM}} / layover_upstream_ratelimit_limit{${OF_UPSTREAM}})`,
    thresholds: [
      { value: null, color: 'red' },
      { value: 0.1, color: 'yellow' },
      { value: 0.3, color: 'green' },
    ],
  }),
  stat({
    title: 'Pulls saved',
    description:
      'Manifests for clients that the upstream did not count as pulls: hits, after a free HEAD, stale, from a mirror, or fetched once for several.',
    unit: 'short',
    expr: orZero(increaseOf('layover_budget_saved_total', { where: OF_UPSTREAM })),
  }),
  stat({
    title: 'Clients',
    description:
      'Addresses that sent requests in the last 5 to 10 minutes, at the instance that has most. Fewer than your machines: some do not use the cache.',
    unit: 'short',
    expr: `max(layover_clients{${ON}})`,
  }),
  graph({
    title: 'Hit ratio over time',
    description: 'Requests for content served from storage, by upstream.',
    unit: 'percentunit',
    max: 1,
    series: {
      '{{upstream}}': `${rateOf(REQUESTS, { by: 'upstream', where: FROM_STORAGE })} / ${rateOf(REQUESTS, { by: 'upstream', where: OF_UPSTREAM })}`,
    },
  }),
  graph({
    title: 'Bytes to clients and from upstreams',
    description: 'The distance between the two lines is the traffic that the cache saves.',
    unit: 'Bps',
    series: {
      'to clients': rateOf('layover_client_bytes_total', { where: OF_UPSTREAM }),
      'from upstreams': rateOf('layover_upstream_bytes_total', { where: OF_UPSTREAM }),
    },
  }),
  graph({
    title: 'Rate limit left',
    description:
      'Pulls that an upstream still allows, by account. Zero: uncached content fails with 429 until the limit is renewed.',
    unit: 'short',
    series: {
      '{{upstream}} {{account}}': `min by (upstream, account) (layover_upstream_ratelimit_remaining{${OF_UPSTREAM}})`,
    },
  }),
];
