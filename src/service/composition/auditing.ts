import type { PullRecorder } from '../../audit/pull-recorder.ts';
import type { PullStore } from '../../audit/pull-store.ts';
import type { Clock } from '../../clock/clock.ts';
import type { Config } from '../../config/config.ts';
import type { Redis } from '../../redis/redis.ts';
import { isIndexShared } from '../../retention/create-housekeeping.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import type { openStorage } from './stored.ts';

export interface AuditingParts extends Pick<Awaited<ReturnType<typeof openStorage>>, 'redis' | 'usage' | 'store'> {
  readonly telemetry: Telemetry;
  readonly clock: Clock;
}

/** Creates what records pulls, next to the usage index. Opens nothing yet. @returns undefined when pulls are not recorded */
export async function createPullRecorder(config: Config, parts: AuditingParts): Promise<PullRecorder | undefined> {
  const { audit } = config;
  if (!audit) return undefined;
  const { ChildPlatforms } = await import('../../audit/child-platforms.ts');
  const { PullRecorder } = await import('../../audit/pull-recorder.ts');
  const { redis, usage, store, telemetry, clock } = parts;
  const open = async () =>
    isIndexShared(config) && redis ? openShared(redis, audit) : openLocal(audit.directory, telemetry);
  const platforms = new ChildPlatforms(usage.index, store.manifests);
  return new PullRecorder({ ...audit, open, platforms, clock, events: telemetry.audit });
}

async function openShared(redis: Redis, { keepMs }: { readonly keepMs: number }): Promise<PullStore> {
  const { RedisPulls } = await import('../../audit/redis-pulls.ts');
  return new RedisPulls(redis, { keepMs });
}

async function openLocal(directory: string | undefined, { audit }: Telemetry): Promise<PullStore> {
  const { openPulls } = await import('../../audit/open-pulls.ts');
  return openPulls({ directory, onDamaged: (event) => audit.pullsDamaged(event) });
}
