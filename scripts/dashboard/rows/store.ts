import { graph, type PanelFactory } from '../panels.ts';
import { ON, rateOf } from '../selectors.ts';

/** Stored content, and what removes it. */
export const store: readonly PanelFactory[] = [
  graph({
    title: 'Stored bytes and quota',
    description: 'Each digest counts once. Replicas with a shared index report the same number.',
    unit: 'bytes',
    series: {
      'stored {{instance}}': `layover_store_bytes{${ON}}`,
      quota: `max(layover_store_quota_bytes{${ON}}) > 0`,
    },
  }),
  graph({
    title: 'Evicted and fetched',
    description: 'The quota is too small when as many bytes are evicted as are fetched.',
    unit: 'Bps',
    series: {
      evicted: rateOf('layover_evicted_bytes_total'),
      fetched: rateOf('layover_upstream_bytes_total'),
      'garbage collected': rateOf('layover_collected_bytes_total'),
    },
  }),
  graph({
    title: 'Oldest use',
    description:
      'Time since the last use of the content that is next to go. The higher, the longer unused content stays.',
    unit: 's',
    series: { '{{instance}}': `layover_oldest_use_seconds{${ON}}` },
  }),
  graph({
    title: 'Free disk space',
    description: 'Of the file systems of storage and spools. Without space, content is streamed and not stored.',
    unit: 'bytes',
    series: { '{{instance}} {{directory}}': `layover_disk_free_bytes{${ON}}` },
  }),
  graph({
    title: 'References removed',
    description: 'expired: unused for proxy.ttl. evicted: removed to stay below the quota.',
    unit: 'ops',
    isStacked: true,
    series: {
      'expired {{kind}}': rateOf('layover_expired_total', { by: 'kind' }),
      'evicted {{kind}}': rateOf('layover_evicted_total', { by: 'kind' }),
    },
  }),
  graph({
    title: 'Index',
    description: 'References to content: one for each manifest, configuration and layer of a repository.',
    unit: 'short',
    series: { '{{instance}}': `layover_index_entries{${ON}}` },
  }),
  graph({
    title: 'Scrub',
    description: 'Bytes that a scrub reads and compares with their digests.',
    unit: 'Bps',
    series: { read: rateOf('layover_scrub_bytes_total'), running: `sum(layover_scrub_running{${ON}})` },
  }),
  graph({
    title: 'Storage calls, p95',
    description: 'Duration of calls of the storage driver.',
    unit: 's',
    series: {
      '{{driver}} {{action}}': `histogram_quantile(0.95, ${rateOf('registry_storage_action_seconds_bucket', { by: 'le, driver, action' })})`,
    },
  }),
  graph({
    title: 'Housekeeping leader',
    description:
      'The replica that expires and evicts for all. Empty without a shared index; 0 everywhere means that no replica does it.',
    unit: 'short',
    series: { '{{instance}}': `layover_housekeeping_leader{${ON}}` },
  }),
];
