import { graph, heatmap, type PanelFactory } from '../panels.ts';
import { OF_UPSTREAM, ON, quantileOf, rateOf } from '../selectors.ts';

/** Fetches of blobs into the storage. */
export const fills: readonly PanelFactory[] = [
  graph({
    title: 'Fills and their clients',
    description: 'Fills in progress, and clients that follow one. More clients than fills: downloads are shared.',
    unit: 'short',
    series: {
      fills: `sum(layover_fills_in_flight{${ON}})`,
      clients: `sum(layover_fill_waiters{${ON}})`,
    },
  }),
  graph({
    title: 'Results',
    description:
      'failed: the bytes so far are kept for the next attempt. discarded: the bytes were wrong, or there was no space.',
    unit: 'ops',
    isStacked: true,
    series: { '{{result}}': rateOf('layover_fills_total', { by: 'result', where: OF_UPSTREAM }) },
  }),
  graph({
    title: 'Age of the oldest fill',
    description: 'A line that rises for hours is a fill that makes no progress.',
    unit: 's',
    series: { '{{instance}}': `layover_fill_oldest_seconds{${ON}}` },
  }),
  heatmap({
    title: 'Durations',
    description: 'Of completed fills.',
    unit: 's',
    expr: rateOf('layover_fill_seconds_bucket', { by: 'le', where: OF_UPSTREAM }),
  }),
  graph({
    title: 'Duration, p95',
    description: 'Of completed fills, by upstream.',
    unit: 's',
    series: { '{{upstream}}': quantileOf(0.95, 'layover_fill_seconds', { by: 'upstream', where: OF_UPSTREAM }) },
  }),
  graph({
    title: 'Spools',
    description: 'Bytes of unfinished blobs on disk, which proxy.fills.maxspool limits.',
    unit: 'bytes',
    series: { '{{instance}}': `layover_spool_bytes{${ON}}` },
  }),
];
