import type { Metrics } from '../../telemetry/metrics.ts';
import { VERSION } from '../../version.ts';

/**
 * Numbers about the process in the format of Go's `expvar`, with its `cmdline` and `memstats`.
 * Without configuration and environment, which contain secrets.
 */
export async function processVars(metrics: Metrics): Promise<Record<string, unknown>> {
  const { user, system } = process.cpuUsage();
  return {
    cmdline: process.argv,
    memstats: memoryStatistics(),
    layover: {
      version: VERSION,
      node: process.version,
      pid: process.pid,
      uptimeSeconds: process.uptime(),
      cpuSeconds: { user: user / 1e6, system: system / 1e6 },
      memoryBytes: process.memoryUsage(),
      eventLoopUtilization: performance.eventLoopUtilization().utilization,
      activeResources: countEach(process.getActiveResourcesInfo()),
      totals: await metrics.totals(),
    },
  };
}

/** The closest equivalents of Go's names. Bytes. */
function memoryStatistics() {
  const { rss, heapTotal, heapUsed, external } = process.memoryUsage();
  return { Alloc: heapUsed + external, Sys: rss, HeapAlloc: heapUsed, HeapSys: heapTotal, HeapInuse: heapUsed };
}

function countEach(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}
