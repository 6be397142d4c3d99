import { join } from 'node:path';

import type { Config } from '../../config/config.ts';
import { also } from '../../notifications/combine-events.ts';
import { createCacheEvents } from '../../notifications/cache-events.ts';
import { Notifier, sourceOf } from '../../notifications/notifier.ts';
import { FileLocks } from '../../locks/file-locks.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import { VERSION } from '../../version.ts';

export interface NotifierParts {
  readonly config: Config;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly telemetry: Telemetry;
}

/** Undefined when nobody is to be told anything. */
export async function createNotifier({ config, env, telemetry }: NotifierParts): Promise<Notifier | undefined> {
  if (!config.notifications) return undefined;
  return Notifier.open({
    config: config.notifications,
    source: sourceOf(config.http),
    env,
    userAgent: `layover/${VERSION}`,
    events: telemetry.notifications,
    createLocks: (directory) => new FileLocks(join(directory, '.locks')),
    now: Date.now,
  });
}

/** What the cache does by itself is recorded, and told to others. */
export function tellingOf(telemetry: Telemetry, notifier: Notifier): Telemetry {
  const { cache, expiry } = createCacheEvents((action, target) => notifier.tellOfCache(action, target));
  return { ...telemetry, cache: also(telemetry.cache, cache), expiry: also(telemetry.expiry, expiry) };
}
