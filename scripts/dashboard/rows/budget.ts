import { graph, type PanelFactory } from '../panels.ts';
import { OF_UPSTREAM, ON, rateOf } from '../selectors.ts';

const BY_CLASS = { by: 'upstream, class', where: OF_UPSTREAM };

/** How the pulls that upstreams allow are spent. */
export const budget: readonly PanelFactory[] = [
  graph({
    title: 'Pulls left by account',
    description:
      'Estimated between responses. Clients get stale tags below 10 %, and work that no client waits for stops below 20 %.',
    unit: 'short',
    series: {
      '{{member}} at {{upstream}}': `min by (upstream, member) (layover_budget_remaining{${OF_UPSTREAM}})`,
      'limit of {{member}} at {{upstream}}': `max by (upstream, member) (layover_budget_limit{${OF_UPSTREAM}})`,
    },
  }),
  graph({
    title: 'Pulls empty in',
    description: 'At the pace of the last half hour. Empty while the pulls last for their whole window.',
    unit: 's',
    series: {
      '{{member}} at {{upstream}}': `min by (upstream, member) (layover_budget_exhausted_seconds{${OF_UPSTREAM}})`,
    },
  }),
  graph({
    title: 'Pulls spent',
    description: 'Manifests fetched from upstreams, by who waited for them.',
    unit: 'ops',
    isStacked: true,
    series: { '{{class}} at {{upstream}}': rateOf('layover_budget_spent_total', BY_CLASS) },
  }),
  graph({
    title: 'Pulls refused or delayed',
    description: 'Refused: clients get 429, or 404 with onexhausted: fallback. Waiting: seconds per second.',
    unit: 'short',
    series: {
      'refused: {{class}} at {{upstream}}': rateOf('layover_budget_refused_total', BY_CLASS),
      'waiting: {{class}} at {{upstream}}': rateOf('layover_budget_waited_seconds', BY_CLASS),
    },
  }),
  graph({
    title: 'Pulls saved by reason',
    description: 'Manifests for clients that the upstream did not count as pulls.',
    unit: 'ops',
    isStacked: true,
    series: { '{{reason}}': rateOf('layover_budget_saved_total', { by: 'reason', where: OF_UPSTREAM }) },
  }),
  graph({
    title: 'Images of jobs',
    description: 'Fetched before clients request them. Everything but fetched, moved and present is not complete.',
    unit: 'short',
    isStacked: true,
    series: { '{{name}}: {{outcome}}': rateOf('layover_job_images_total', { by: 'name, outcome' }) },
  }),
  graph({
    title: 'Bytes of jobs',
    description: 'Within proxy.background.bandwidth.',
    unit: 'Bps',
    series: { '{{name}}': rateOf('layover_job_bytes_total', { by: 'name' }) },
  }),
  graph({
    title: 'Last success of jobs',
    description: 'Time since all images of a job were complete.',
    unit: 's',
    series: { '{{name}}': `min by (name) (layover_job_last_success_seconds{${ON}})` },
  }),
  graph({
    title: 'Lists that pull offline',
    description: 'Locks of proxy.checks: 1 when all of their images are in storage.',
    unit: 'short',
    series: { '{{list}}': `min by (list) (layover_offline_complete{${ON}})` },
  }),
];
