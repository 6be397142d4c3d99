import { z } from 'zod';
import type { Immutable } from '../immutable.ts';
import { httpUrl } from './address.ts';
import { otherwise, withDefault, withPositiveDefault } from './defaults.ts';
import { ownDuration, ownTimer, timer } from './duration.ts';
import { headers, joinValues } from './header.ts';
import { bool, integer, size } from './number.ts';
import { file, name, path, text } from './text.ts';

const mediaTypes = () =>
  z.array(text('A media type.')).describe('Media types of content whose events are not sent.').optional();

const ignored = z
  .strictObject({
    mediatypes: mediaTypes(),
    actions: z
      .array(text('`pull`, `push`, `mount` or `delete`.'))
      .describe('Actions whose events are not sent: `pull`, `push`, `mount`, `delete`.')
      .optional(),
  })
  .transform(({ mediatypes = [], actions = [] }) => ({ mediaTypes: mediatypes, actions }))
  .describe('Events that are not sent to this endpoint.');

const endpoint = z
  .strictObject({
    name: otherwise(name('Name in logs, metrics and the path of its queue.'), 'host of its URL'),
    disabled: withDefault(bool('Nothing is queued for it.'), 'false'),
    url: httpUrl('Target of the posts; credentials in it are sent as a header.'),
    headers: headers().describe('Sent with every event, such as `Authorization`.').optional(),
    timeout: withPositiveDefault(timer('Longest time of one post.'), '1s'),
    threshold: withPositiveDefault(integer('Failures in a row before backing off.'), '10'),
    backoff: withPositiveDefault(timer('First wait between two attempts then; doubles with each failure.'), '1s'),
    // An endpoint that is down for an hour gets sixty requests.
    maxbackoff: withDefault(ownTimer('Longest wait between two attempts.'), '1m'),
    ignoredmediatypes: mediaTypes(),
    ignore: ignored.prefault({}),
    tls: z
      .strictObject({ ca: file('PEM file with CAs, in addition to the public ones.', 'certificates').optional() })
      .describe('Of an https URL.')
      .prefault({}),
  })
  .transform((raw) => ({
    isEnabled: !raw.disabled,
    name: raw.name ?? new URL(raw.url).host,
    /** May contain credentials. */
    url: raw.url,
    headers: joinValues(raw.headers ?? {}),
    timeoutMs: raw.timeout,
    /** Failures in a row before waiting between attempts. */
    threshold: raw.threshold,
    backoffMs: raw.backoff,
    maxBackoffMs: Math.max(raw.backoff, raw.maxbackoff),
    ignoredMediaTypes: [...(raw.ignoredmediatypes ?? []), ...raw.ignore.mediaTypes],
    ignoredActions: raw.ignore.actions,
    caFile: raw.tls.ca,
  }));

const queue = z
  .strictObject({
    directory: otherwise(
      path('Directory of the queues.'),
      '`layover/events` in the storage directory; memory for drivers without one',
    ),
    // About a kilobyte each.
    maxevents: withDefault(
      integer('Events in one queue. When it is full, pulls are dropped first.', { min: 1 }),
      '100000',
    ),
    maxsize: withDefault(size('Size of one queue. When it is full, pulls are dropped first.'), '256MiB'),
    maxage: withDefault(ownDuration('A refused event this old becomes a dead letter. `0`: no limit.'), '24h'),
    maxattempts: withDefault(
      integer('An event refused this often becomes a dead letter. `0`: no limit.', { min: 0 }),
      '0',
    ),
    maxdeadletters: withDefault(size('Size of the dead letters of one endpoint; the oldest are removed.'), '64MiB'),
  })
  .transform((raw) => ({
    directory: raw.directory,
    maxEvents: raw.maxevents,
    maxBytes: raw.maxsize,
    /** 0: no limit. */
    maxAgeMs: raw.maxage,
    /** 0: no limit. */
    maxAttempts: raw.maxattempts,
    maxDeadLetterBytes: raw.maxdeadletters,
  }))
  .describe('Events that were not delivered yet; one queue for each endpoint.');

const events = z
  .strictObject({
    includereferences: withDefault(bool('Events of manifests list the content that these refer to.'), 'false'),
    cache: withDefault(bool('Also send [events of the cache](notifications.md#events-of-the-cache).'), 'false'),
  })
  .describe('Contents of the events.');

export const notifications = z
  .strictObject({
    events: events.prefault({}),
    endpoints: z.array(endpoint).describe('Each gets every event that it does not ignore.').optional(),
    queue: queue.prefault({}),
  })
  .transform((raw) => {
    const endpoints = (raw.endpoints ?? []).flatMap(({ isEnabled, ...enabled }) => (isEnabled ? [enabled] : []));
    if (endpoints.length === 0) return undefined;
    return {
      /** At least one, with unique names. */
      endpoints: withUniqueNames(endpoints),
      includeReferences: raw.events.includereferences,
      cacheEvents: raw.events.cache,
      queue: raw.queue,
    };
  })
  .describe('Events by webhook.');

/** Two endpoints never share a queue. */
function withUniqueNames<E extends { readonly name: string }>(endpoints: readonly E[]): E[] {
  const seen = new Map<string, number>();
  return endpoints.map((each) => {
    const count = (seen.get(each.name) ?? 0) + 1;
    seen.set(each.name, count);
    return count === 1 ? each : { ...each, name: `${each.name}-${count}` };
  });
}

export type NotificationsConfig = NonNullable<Immutable<z.output<typeof notifications>>>;
export type NotificationEndpointConfig = NotificationsConfig['endpoints'][number];
/** Of each endpoint. */
export type NotificationQueueConfig = NotificationsConfig['queue'];
