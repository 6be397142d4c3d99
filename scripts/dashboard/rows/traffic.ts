import { graph, type PanelFactory } from '../panels.ts';
import { OF_UPSTREAM, ON, quantileOf, rateOf } from '../selectors.ts';

const DURATION = 'registry_http_request_duration_seconds';

/** What clients request and get. */
export const traffic: readonly PanelFactory[] = [
  graph({
    title: 'Content by outcome',
    description:
      'hit: from storage. miss: fetched. fill: joined a fetch in progress. stale: from storage, as the upstream did not respond. bypass: not stored.',
    unit: 'reqps',
    isStacked: true,
    series: { '{{outcome}}': rateOf('layover_cache_requests_total', { by: 'outcome', where: OF_UPSTREAM }) },
  }),
  graph({
    title: 'Requests by handler',
    description: 'All requests below /v2/, with those of hosted repositories.',
    unit: 'reqps',
    isStacked: true,
    series: { '{{handler}} {{method}}': rateOf('registry_http_requests_total', { by: 'handler, method' }) },
  }),
  graph({
    title: 'Bytes to clients by upstream',
    description: 'Content of upstreams that was sent to clients.',
    unit: 'Bps',
    isStacked: true,
    series: { '{{upstream}}': rateOf('layover_client_bytes_total', { by: 'upstream', where: OF_UPSTREAM }) },
  }),
  ...[0.5, 0.95, 0.99].map((quantile) =>
    graph({
      title: `Duration, p${quantile * 100}`,
      description:
        'From the request to the end of its response, by handler. Blobs take as long as the client needs to read them.',
      unit: 's',
      series: { '{{handler}}': quantileOf(quantile, DURATION, { by: 'handler' }) },
    }),
  ),
  graph({
    title: 'Requests in progress',
    description: 'A number that only rises means clients or storage that do not respond.',
    unit: 'short',
    isStacked: true,
    series: { '{{handler}}': `sum by (handler) (registry_http_in_flight_requests{${ON}})` },
  }),
  graph({
    title: 'Clients',
    description:
      'Addresses that sent requests in the last 5 to 10 minutes. A client counts at each instance that it uses.',
    unit: 'short',
    series: { '{{instance}}': `layover_clients{${ON}}` },
  }),
  graph({
    title: 'Bytes pushed',
    description: 'Bodies of requests: pushes to hosted repositories and passthrough.',
    unit: 'Bps',
    series: { '{{handler}}': rateOf('registry_http_request_size_bytes_sum', { by: 'handler' }) },
  }),
];
