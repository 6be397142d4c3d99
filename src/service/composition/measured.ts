import { statfs } from 'node:fs/promises';

import type { Clock } from '../../clock/clock.ts';
import type { Config } from '../../config/config.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import { spoolDirectoryOf } from './pulling.ts';
import type { Stored } from './stored.ts';

export interface MeasuredParts extends Pick<Stored, 'driver' | 'redis' | 'usage'> {
  readonly metrics: Metrics;
  readonly clock: Clock;
}

/**
 * Gauges that are read when metrics are scraped, and those that exist only together with what they describe.
 *
 * @returns called before the index is closed, which must not be read afterwards
 */
export function measureService(config: Config, parts: MeasuredParts): () => void {
  const { metrics, driver, redis, usage } = parts;
  if (redis) metrics.redisUp.at();
  if (usage.index.isShared) metrics.leadsHousekeeping.at();
  const storage = config.storage.driver;
  if (storage.kind === 'filesystem') measureDisk(metrics, 'storage', storage.rootDirectory);
  if (config.proxy) measureDisk(metrics, 'spools', spoolDirectoryOf(config.proxy, driver));
  return measureOldestUse(parts);
}

function measureOldestUse({ metrics, usage, clock }: MeasuredParts): () => void {
  let isOpen = true;
  metrics.oldestUse.measure(async () => {
    if (!isOpen) return undefined;
    const [oldest] = await usage.index.oldest({ before: clock.now(), limit: 1 });
    return oldest && Math.max(0, clock.now() - oldest.lastUsedAt) / 1000;
  });
  return () => (isOpen = false);
}

/** @param name value of the label; the path itself may be long */
function measureDisk({ diskFree, diskSize }: Metrics, name: string, path: string): void {
  diskFree.measure(async () => {
    const { bavail, bsize } = await statfs(path);
    return bavail * bsize;
  }, name);
  diskSize.measure(async () => {
    const { blocks, bsize } = await statfs(path);
    return blocks * bsize;
  }, name);
}
