import { graph, timeline, type PanelFactory } from '../panels.ts';
import { OF_UPSTREAM, quantileOf, rateOf } from '../selectors.ts';

const REQUESTS = 'layover_upstream_requests_total';

/** The registries that content comes from. */
export const upstreams: readonly PanelFactory[] = [
  graph({
    title: 'Requests by status',
    description:
      'Requests to upstreams, with those for tokens and redirects. 401 is part of each login; error:… means there was no response.',
    unit: 'reqps',
    isStacked: true,
    series: { '{{upstream}} {{status}}': rateOf(REQUESTS, { by: 'upstream, status', where: OF_UPSTREAM }) },
  }),
  graph({
    title: 'Time to the response, p95',
    description: 'Until the headers of an upstream arrived, by operation.',
    unit: 's',
    series: {
      '{{upstream}} {{operation}}': quantileOf(0.95, 'layover_upstream_request_seconds', {
        by: 'upstream, operation',
        where: OF_UPSTREAM,
      }),
    },
  }),
  timeline({
    title: 'Circuit breakers',
    description:
      'Open: the upstream failed several times in a row, and gets no requests for some seconds. Cached content is served.',
    series: { '{{host}}': `max by (upstream, host) (layover_upstream_breaker_state{${OF_UPSTREAM}})` },
    states: {
      '0': { text: 'closed', color: 'green' },
      '1': { text: 'half-open', color: 'yellow' },
      '2': { text: 'open', color: 'red' },
    },
  }),
  timeline({
    title: 'Accounts',
    description: 'Refused: the upstream rejects the credentials or has locked the account out. The log has the reason.',
    series: {
      '{{account}} at {{upstream}}': `max by (upstream, account) (layover_upstream_login_failing{${OF_UPSTREAM}})`,
    },
    states: { '0': { text: 'accepted', color: 'green' }, '1': { text: 'refused', color: 'red' } },
  }),
  graph({
    title: 'Retries',
    description:
      'Requests repeated after a failure. Some are normal; many mean a poor connection or an overloaded upstream.',
    unit: 'reqps',
    isStacked: true,
    series: {
      '{{upstream}} {{operation}}': rateOf('layover_upstream_retries_total', {
        by: 'upstream, operation',
        where: OF_UPSTREAM,
      }),
    },
  }),
  graph({
    title: 'Bytes from upstreams',
    description: 'Received from upstreams, by kind of content.',
    unit: 'Bps',
    isStacked: true,
    series: {
      '{{upstream}} {{kind}}': rateOf('layover_upstream_bytes_total', { by: 'upstream, kind', where: OF_UPSTREAM }),
    },
  }),
  graph({
    title: 'Rate limit renewed in',
    description: 'Time until all pulls of the window are available again, at the latest.',
    unit: 's',
    series: {
      '{{upstream}} {{account}}': `max by (upstream, account) (layover_upstream_ratelimit_reset_seconds{${OF_UPSTREAM}})`,
    },
  }),
  graph({
    title: 'Decisions about private images',
    description:
      'Requests for content of upstreams with private.access, by how they were decided. unavailable: the upstream cannot be queried, and clients get 503.',
    unit: 'reqps',
    isStacked: true,
    series: {
      '{{result}}, {{source}}': rateOf('layover_access_decisions_total', { by: 'result, source', where: OF_UPSTREAM }),
    },
  }),
  graph({
    title: 'Checks of private images',
    description: 'Time until an upstream has responded whether a repository may be read.',
    unit: 's',
    series: {
      '99 %: {{upstream}}': quantileOf(0.99, 'layover_access_seconds', { by: 'upstream', where: OF_UPSTREAM }),
    },
  }),
  graph({
    title: 'Repositories with a decision',
    description: 'In memory, of upstreams with private.access.',
    unit: 'short',
    series: { '{{upstream}}': `max by (upstream) (layover_access_entries{${OF_UPSTREAM}})` },
  }),
];
