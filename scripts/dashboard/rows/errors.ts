import { graph, type PanelFactory } from '../panels.ts';
import { OF_UPSTREAM, ON, rateOf } from '../selectors.ts';

/** Everything that should be zero, or nearly. */
export const errors: readonly PanelFactory[] = [
  graph({
    title: 'Server errors',
    description:
      'Responses with 5xx: internal errors (500), and upstreams that fail for uncached content (502, 503, 504).',
    unit: 'reqps',
    isStacked: true,
    series: {
      '{{handler}} {{code}}': rateOf('registry_http_requests_total', {
        by: 'handler, code',
        where: `${ON},code=~"5.."`,
      }),
    },
  }),
  graph({
    title: 'Client errors',
    description: 'Responses with 4xx. 401 is part of each login, 404 of each look for a tag that does not exist.',
    unit: 'reqps',
    isStacked: true,
    series: {
      '{{handler}} {{code}}': rateOf('registry_http_requests_total', {
        by: 'handler, code',
        where: `${ON},code=~"4.."`,
      }),
    },
  }),
  graph({
    title: 'Failed requests to upstreams',
    description: 'No response at all (error:…), or a status of 429 or 5xx.',
    unit: 'reqps',
    isStacked: true,
    series: {
      '{{upstream}} {{status}}': rateOf('layover_upstream_requests_total', {
        by: 'upstream, status',
        where: `${OF_UPSTREAM},status=~"error:.*|429|5.."`,
      }),
    },
  }),
  graph({
    title: 'Storage',
    description: 'Writes without space, and damaged content. Each is an alert.',
    unit: 'ops',
    series: {
      full: rateOf('layover_storage_full_total'),
      damaged: rateOf('layover_damaged_content_total'),
      'damaged, found by a scrub': rateOf('layover_scrub_damaged_total'),
    },
  }),
  graph({
    title: 'Clients refused',
    description: 'By a limit: connections, requests in progress, or no data moved for too long.',
    unit: 'ops',
    isStacked: true,
    series: { '{{reason}}': rateOf('layover_clients_refused_total', { by: 'reason' }) },
  }),
  graph({
    title: 'Credentials',
    description:
      'Failed logins of clients, blocked addresses, credentials for upstreams that could not be read, and accounts that upstreams refuse or lock out.',
    unit: 'ops',
    isStacked: true,
    series: {
      'login {{method}}': rateOf('registry_auth_failures_total', { by: 'method' }),
      blocked: rateOf('registry_auth_blocked_total'),
      'upstream {{upstream}}': rateOf('layover_upstream_credential_failures_total', {
        by: 'upstream',
        where: OF_UPSTREAM,
      }),
      'login {{account}} at {{upstream}}: {{reason}}': rateOf('layover_upstream_login_failures_total', {
        by: 'upstream, account, reason',
        where: OF_UPSTREAM,
      }),
    },
  }),
  graph({
    title: 'Webhooks waiting',
    description: 'Events that wait for their endpoint. A line that rises: the endpoint does not accept them.',
    unit: 'short',
    series: { '{{endpoint}}': `sum by (endpoint) (registry_notifications_pending{${ON}})` },
  }),
  graph({
    title: 'Webhooks lost',
    description: 'Pull events dropped because the queue was full, and events that are no longer retried.',
    unit: 'ops',
    series: {
      'dropped {{endpoint}}': rateOf('layover_notifications_dropped_total', { by: 'endpoint' }),
      'dead letters {{endpoint}}': rateOf('layover_notifications_dead_letters_total', { by: 'endpoint' }),
    },
  }),
  graph({
    title: 'Webhook responses',
    description: 'Statuses that endpoints returned.',
    unit: 'ops',
    isStacked: true,
    series: { '{{endpoint}} {{code}}': rateOf('registry_notifications_status_total', { by: 'endpoint, code' }) },
  }),
  graph({
    title: 'Decisions about content',
    description:
      'Manifests that clients requested of repositories with a rule of policy.admission. Deny with the mode audit: served, and refused with enforce.',
    unit: 'reqps',
    isStacked: true,
    series: {
      '{{rule}} {{decision}} {{mode}}': rateOf('layover_admission_total', { by: 'rule, decision, mode', where: ON }),
    },
  }),
  graph({
    title: 'Checks of content',
    description: 'Average duration of checks of content that was not decided. Clients wait for them.',
    unit: 's',
    series: {
      '{{check}}': `${rateOf('layover_admission_seconds_sum', { by: 'check', where: ON })} / ${rateOf('layover_admission_seconds_count', { by: 'check', where: ON })}`,
    },
  }),
  graph({
    title: 'Tags held by their age',
    description: 'Tags that clients requested while their digest was not old enough, at the instance that has most.',
    unit: 'short',
    series: { held: `max(layover_admission_held{${ON}})` },
  }),
  graph({
    title: 'Age of the trusted root',
    description:
      'Oldest file with roots for certificates. Renew it twice a year: new signatures use new logs and authorities.',
    unit: 's',
    series: { age: `max(layover_trustedroot_age_seconds{${ON}})` },
  }),
];
