import { join } from 'node:path';

import type { Config, NotificationEndpointConfig, NotificationsConfig } from './config.ts';
import type { RawConfig } from './schema/schema.ts';

const SECOND = 1000;
/** As distribution. */
const TIMEOUT = SECOND;
const THRESHOLD = 10;
const BACKOFF = SECOND;
/** Of ours: an endpoint that is down for an hour is asked sixty times. */
const MAX_BACKOFF = 60 * SECOND;

/** About a kilobyte each. */
const MAX_EVENTS = 100_000;
const MAX_BYTES = 256 * 2 ** 20;
const MAX_AGE = 24 * 3600 * SECOND;
const MAX_DEAD_LETTER_BYTES = 64 * 2 ** 20;

type Raw = NonNullable<RawConfig['notifications']>;
type RawEndpoint = NonNullable<Raw['endpoints']>[number];

/** Undefined: nobody wants to be told anything. */
export function resolveNotifications(
  { endpoints = [], events = {}, queue = {} }: Raw,
  storage: Config['storage'],
): NotificationsConfig | undefined {
  const enabled = endpoints.filter(({ disabled }) => disabled !== true);
  if (enabled.length === 0) return undefined;
  const { driver } = storage;
  return {
    endpoints: withOwnNames(enabled.map(resolveEndpoint)),
    includeReferences: events.includereferences ?? false,
    cacheEvents: events.cache ?? false,
    queue: {
      directory:
        queue.directory ?? (driver.kind === 'filesystem' ? join(driver.rootDirectory, 'layover', 'events') : undefined),
      maxEvents: queue.maxevents ?? MAX_EVENTS,
      maxBytes: queue.maxsize ?? MAX_BYTES,
      maxAgeMs: queue.maxage ?? MAX_AGE,
      maxAttempts: queue.maxattempts ?? 0,
      maxDeadLetterBytes: queue.maxdeadletters ?? MAX_DEAD_LETTER_BYTES,
    },
  };
}

function resolveEndpoint(endpoint: RawEndpoint): NotificationEndpointConfig {
  const backoffMs = positive(endpoint.backoff) ?? BACKOFF;
  const headers = Object.entries(endpoint.headers ?? {}).map(([key, values]) => [key, values.join(', ')] as const);
  return {
    name: endpoint.name ?? new URL(endpoint.url).host,
    url: endpoint.url,
    headers: Object.fromEntries(headers),
    timeoutMs: positive(endpoint.timeout) ?? TIMEOUT,
    threshold: positive(endpoint.threshold) ?? THRESHOLD,
    backoffMs,
    maxBackoffMs: Math.max(backoffMs, endpoint.maxbackoff ?? MAX_BACKOFF),
    ignoredMediaTypes: [...(endpoint.ignoredmediatypes ?? []), ...(endpoint.ignore?.mediatypes ?? [])],
    ignoredActions: endpoint.ignore?.actions ?? [],
    caFile: endpoint.tls?.ca,
  };
}

/** Two endpoints never share a queue. */
function withOwnNames(endpoints: readonly NotificationEndpointConfig[]): NotificationEndpointConfig[] {
  const seen = new Map<string, number>();
  return endpoints.map((endpoint) => {
    const count = (seen.get(endpoint.name) ?? 0) + 1;
    seen.set(endpoint.name, count);
    return count === 1 ? endpoint : { ...endpoint, name: `${endpoint.name}-${count}` };
  });
}

function positive(value: number | undefined): number | undefined {
  return value !== undefined && value > 0 ? value : undefined;
}
