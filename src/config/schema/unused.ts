import { z } from 'zod';
import { bool, choice, duration, signedDuration, integer, name, text } from './scalar.ts';

// Sections of distribution, of version 2 and 3, that are read so that a file keeps working; support.ts says what is not honoured.

const pool = z.strictObject({
  maxidle: integer('Idle connections.').optional(),
  maxactive: integer('Connections.').optional(),
  idletimeout: duration('Close an idle connection after.').optional(),
});

const redisTls = z.strictObject({
  enabled: bool('Version 2.').optional(),
  certificate: text('PEM file with the client certificate.').optional(),
  key: text('PEM file with its key.').optional(),
  rootcas: z.array(name('A PEM file.')).optional(),
});

const integers = (keys: readonly string[]) => sameType(keys, () => integer('A number.').optional());
const durations = (keys: readonly string[]) => sameType(keys, () => signedDuration('A length of time.').optional());
const flags = (keys: readonly string[]) => sameType(keys, () => bool('A switch.').optional());
const texts = (keys: readonly string[]) => sameType(keys, () => text('A text.').optional());

function sameType<T>(keys: readonly string[], create: () => T): Record<string, T> {
  return Object.fromEntries(keys.map((key) => [key, create()]));
}

export const redis = z
  .strictObject({
    addrs: z.array(name('host:port')).optional(),
    addr: text('Version 2: addrs.').optional(),
    pool: pool.optional(),
    tls: redisTls.optional(),
    ...texts([
      'clientname',
      'username',
      'password',
      'sentinelusername',
      'sentinelpassword',
      'mastername',
      'identitysuffix',
    ]),
    ...integers([
      'db',
      'protocol',
      'maxretries',
      'poolsize',
      'minidleconns',
      'maxidleconns',
      'maxactiveconns',
      'maxredirects',
    ]),
    ...durations(['minretrybackoff', 'maxretrybackoff', 'dialtimeout', 'readtimeout', 'writetimeout', 'pooltimeout']),
    ...durations(['connmaxidletime', 'connmaxlifetime']),
    ...flags(['contexttimeoutenabled', 'poolfifo', 'readonly', 'routebylatency', 'routerandomly']),
    ...flags(['disableidentity', 'unstableresp3']),
  })
  .describe('Redis, for descriptors.');

const options = z.record(z.string(), z.unknown());

export const auth = z
  .strictObject({
    none: options.optional(),
    silly: options.optional(),
    token: options.optional(),
    htpasswd: options.optional(),
  })
  .describe('Who is calling: exactly one method.');

const middlewares = z.array(
  z.strictObject({
    name: text('Name of the middleware.').optional(),
    disabled: bool('Switch it off.').optional(),
    options: options.optional(),
  }),
);

export const middleware = z
  .strictObject({
    registry: middlewares.optional(),
    repository: middlewares.optional(),
    storage: middlewares.optional(),
  })
  .describe('Code put between the parts of distribution.');

const endpoint = z.strictObject({
  name: text('Name in logs and metrics.').optional(),
  disabled: bool('Switch it off.').optional(),
  url: text('Where events are posted.').optional(),
  headers: z.record(z.string(), z.unknown()).optional(),
  timeout: duration('Longest time of one post.').optional(),
  threshold: integer('Failures before backing off.').optional(),
  backoff: duration('How long.').optional(),
  ignoredmediatypes: z.array(text('A media type.')).optional(),
  ignore: z
    .strictObject({
      mediatypes: z.array(text('A media type.')).optional(),
      actions: z.array(text('An action.')).optional(),
    })
    .optional(),
});

export const notifications = z
  .strictObject({
    events: z.strictObject({ includereferences: bool('Say what a manifest refers to.').optional() }).optional(),
    endpoints: z.array(endpoint).optional(),
  })
  .describe('Events by web hook.');

const urls = z.strictObject({
  allow: z.array(text('A regular expression.')).optional(),
  deny: z.array(text('A regular expression.')).optional(),
});

const indexes = z.strictObject({
  platforms: choice('Platforms of an index that have to exist.', ['all', 'none', 'list']).optional(),
  platformlist: z
    .array(z.strictObject({ architecture: text('amd64').optional(), os: text('linux').optional() }))
    .optional(),
});

export const validation = z
  .strictObject({
    enabled: bool('Deprecated: disabled.').optional(),
    disabled: bool('Switch it off.').optional(),
    manifests: z.strictObject({ urls: urls.optional(), indexes: indexes.optional() }).optional(),
  })
  .describe('What a pushed manifest has to satisfy.');

export const policy = z
  .strictObject({ repository: z.strictObject({ classes: z.array(text('image or plugin')).optional() }).optional() })
  .describe('Classes of repositories.');

export const reporting = options.describe('Removed in version 3 of distribution.');
export const compatibility = options.describe('Removed in version 3 of distribution.');
