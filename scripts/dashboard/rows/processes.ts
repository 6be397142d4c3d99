import { graph, type PanelFactory } from '../panels.ts';
import { ON, quantileOf, rateOf } from '../selectors.ts';

/** The processes, and Redis. */
export const processes: readonly PanelFactory[] = [
  graph({
    title: 'CPU',
    description: 'Cores in use. One process uses little more than one: add replicas before it is full.',
    unit: 'short',
    series: { '{{instance}}': rateOf('process_cpu_seconds_total', { by: 'instance' }) },
  }),
  graph({
    title: 'Memory',
    description: 'Resident memory. A local index is mapped on top, and is reclaimed under pressure.',
    unit: 'bytes',
    series: {
      'resident {{instance}}': `process_resident_memory_bytes{${ON}}`,
      'heap {{instance}}': `nodejs_heap_size_used_bytes{${ON}}`,
    },
  }),
  graph({
    title: 'Event loop delay, p99',
    description: 'Every request waits for this long. Above 0.2 s the process is overloaded, or a plug-in blocks it.',
    unit: 's',
    series: { '{{instance}}': `nodejs_eventloop_lag_p99_seconds{${ON}}` },
  }),
  graph({
    title: 'Time in garbage collection',
    description: 'Part of the time in which the process runs no requests.',
    unit: 'percentunit',
    series: { '{{instance}}': rateOf('nodejs_gc_duration_seconds_sum', { by: 'instance' }) },
  }),
  graph({
    title: 'File descriptors',
    description: 'Open ones, and the limit of the process. A client takes two.',
    unit: 'short',
    series: {
      'open {{instance}}': `process_open_fds{${ON}}`,
      'limit {{instance}}': `process_max_fds{${ON}}`,
    },
  }),
  graph({
    title: 'Uptime',
    description: 'A saw-tooth is a process that is restarted again and again.',
    unit: 's',
    series: { '{{instance}}': `time() - process_start_time_seconds{${ON}}` },
  }),
  graph({
    title: 'Redis up',
    description: 'Empty when Redis is not configured. Without it, pulls continue; fills and the index are not shared.',
    unit: 'short',
    max: 1,
    series: { '{{instance}}': `layover_redis_up{${ON}}` },
  }),
  graph({
    title: 'Redis calls, p99',
    description: 'Duration of calls, up to their time limit.',
    unit: 's',
    series: { '{{operation}}': quantileOf(0.99, 'layover_redis_seconds', { by: 'operation' }) },
  }),
  graph({
    title: 'Redis errors',
    description: 'Calls that failed, by the reason.',
    unit: 'ops',
    isStacked: true,
    series: { '{{operation}} {{kind}}': rateOf('layover_redis_errors_total', { by: 'operation, kind' }) },
  }),
  graph({
    title: 'Versions',
    description: 'Instances by version.',
    unit: 'short',
    isStacked: true,
    series: { '{{version}}': `sum by (version) (layover_build_info{${ON}})` },
  }),
  graph({
    title: 'Certificate expires in',
    description: 'Of the server. Empty without TLS.',
    unit: 's',
    series: { '{{instance}}': `layover_tls_certificate_expiry_seconds{${ON}}` },
  }),
  graph({
    title: 'Descriptors found',
    description: 'Part of the look-ups of descriptors that memory or Redis had.',
    unit: 'percentunit',
    max: 1,
    series: {
      '{{instance}}': `${rateOf('registry_storage_cache_hits_total', { by: 'instance' })} / ${rateOf('registry_storage_cache_requests_total', { by: 'instance' })}`,
    },
  }),
];
