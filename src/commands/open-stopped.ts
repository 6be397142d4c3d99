import type { Config } from '../config/config.ts';
import { openStoppedCache } from '../service/stopped-cache.ts';
import { createLog } from '../telemetry/log.ts';
import { openLogDestination } from '../telemetry/log-destination.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import { createTelemetry } from '../telemetry/telemetry.ts';
import type { CacheTarget } from './cache-target.ts';

/** The cache of a stopped server. @throws {ControlError} `unavailable` when a server uses the storage */
export async function openStopped(config: Config): Promise<CacheTarget> {
  // Stdout is for the result.
  const log = createLog({ ...config.log, level: 'error' }, openLogDestination(2));
  const telemetry = createTelemetry({ log, metrics: createMetrics(), accessLog: false });
  const stopped = await openStoppedCache(config, telemetry);
  return {
    control: stopped.control,
    pulls: stopped.pulls,
    bundles: stopped.bundles,
    recalls: stopped.recalls,
    stopped,
    async close() {
      await stopped.close();
      await log.flush();
    },
  };
}
