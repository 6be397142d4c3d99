import { z } from 'zod';
import { headers } from './http.ts';
import { bool, httpUrl, integer, name, ownDuration, ownTimer, size, text, timer } from './scalar.ts';

const mediaTypes = () => z.array(text('A media type.')).describe('Events about content of these types are not sent.');

const endpoint = z.strictObject({
  name: name('In logs, metrics and the name of its queue. Default: the host of its URL.').optional(),
  disabled: bool('Switch it off. Default: false.').optional(),
  url: httpUrl('Where events are posted.'),
  headers: headers().describe('Sent with every event, such as Authorization.').optional(),
  timeout: timer('Longest time of one post. Default: 1s.').optional(),
  threshold: integer('Failures in a row before backing off. Default: 10.').optional(),
  backoff: timer('First wait after that; doubles up to maxbackoff. Default: 1s.').optional(),
  maxbackoff: ownTimer('Longest wait between tries. Default: 1m.').optional(),
  ignoredmediatypes: mediaTypes().optional(),
  ignore: z
    .strictObject({
      mediatypes: mediaTypes().optional(),
      actions: z
        .array(text('pull, push, mount or delete.'))
        .describe('Events with these actions are not sent.')
        .optional(),
    })
    .optional(),
  tls: z
    .strictObject({ ca: name('PEM file with CAs to trust besides the public ones.').optional() })
    .describe('Of an https URL.')
    .optional(),
});

const queue = z
  .strictObject({
    directory: name(
      "Where events wait to be sent. Default: layover/events in the storage's directory; memory where it has none.",
    ).optional(),
    maxevents: integer('Most events that wait for one endpoint. Default: 100000.', { min: 1 }).optional(),
    maxsize: size('Most bytes that wait for one endpoint. Default: 256MiB.').optional(),
    maxage: ownDuration('A refused event this old becomes a dead letter. Default: 24h; 0: never.').optional(),
    maxattempts: integer('An event refused this often becomes a dead letter. Default: 0, no limit.', {
      min: 0,
    }).optional(),
    maxdeadletters: size('Bytes of dead letters kept for one endpoint. Default: 64MiB.').optional(),
  })
  .describe('Events that have not been taken yet; one queue for each endpoint.');

export const notifications = z
  .strictObject({
    events: z
      .strictObject({
        includereferences: bool('Say what a manifest refers to. Default: false.').optional(),
        cache: bool('Send fill, evict and stale events as well. Default: false.').optional(),
      })
      .optional(),
    endpoints: z.array(endpoint).describe('Each gets every event that it does not ignore.').optional(),
    queue: queue.optional(),
  })
  .describe('Events by web hook.');
