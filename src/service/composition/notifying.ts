import { join } from 'node:path';

import type { Clock } from '../../clock/clock.ts';
import type { Config } from '../../config/config.ts';
import type { Notifier } from '../../notifications/notifier.ts';
import { combineEvents } from '../../telemetry/combine-events.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import { VERSION } from '../../version.ts';

export interface NotifierParts {
  readonly config: Config;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly telemetry: Telemetry;
  readonly clock: Clock;
}

/** @returns undefined without webhook endpoints */
export async function createNotifier({ config, env, telemetry, clock }: NotifierParts): Promise<Notifier | undefined> {
  if (!config.notifications) return undefined;
  const { Notifier, sourceOf } = await import('../../notifications/notifier.ts');
  const { FileLocks } = await import('../../locks/file-locks.ts');
  return Notifier.open({
    config: config.notifications,
    source: sourceOf(config.http),
    env,
    userAgent: `layover/${VERSION}`,
    events: telemetry.notifications,
    createLocks: (directory) => new FileLocks(join(directory, '.locks')),
    clock,
  });
}

/** The telemetry, when configured with webhook events for fills, stale responses, removals and changes by the admin API. */
export async function withNotifications(
  { notifications }: Config,
  telemetry: Telemetry,
  notifier: Notifier | undefined,
): Promise<Telemetry> {
  if (!notifier || !notifications?.cacheEvents) return telemetry;
  const { createCacheEvents } = await import('../../notifications/cache-events.ts');
  const { cache, housekeeping } = createCacheEvents((action, target) => notifier.notifyOfCache(action, target));
  return {
    ...telemetry,
    admin: combineEvents(telemetry.admin, { changeMade: (change) => notifier.notifyOfChange(change) }),
    cache: combineEvents(telemetry.cache, cache),
    housekeeping: combineEvents(telemetry.housekeeping, housekeeping),
  };
}
