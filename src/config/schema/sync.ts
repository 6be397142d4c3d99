import { z } from 'zod';
import { registryUrl } from './address.ts';
import { credentials } from './credentials.ts';
import { otherwise, withDefault } from './defaults.ts';
import { ownTimer } from './duration.ts';
import { bool, integer, size } from './number.ts';
import { scalar } from './scalar.ts';
import { tagSelection } from './tag-selection.ts';
import { choice, file, matching, platform } from './text.ts';
import { parseTimeWindow } from './time-window.ts';
import { at } from './warm.ts';

const COMPONENT = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*';

const repository = matching('A repository with the name or an alias of its upstream.', {
  pattern: new RegExp(`^[a-z0-9][a-z0-9.-]*(?::\\d{1,5})?(?:/${COMPONENT})+$`),
  expected: 'must be a repository with its registry, such as docker.io/library/alpine, without a tag',
  format: 'name',
});

const target = z
  .strictObject({
    registry: registryUrl('Address of the registry.'),
    prefix: otherwise(
      matching('Before the names of the repositories: `prefix: base` makes `base/library/alpine`.', {
        pattern: new RegExp(`^${COMPONENT}(?:/${COMPONENT})*$`),
        expected: 'must be a path such as mirror/docker.io',
        format: 'path',
      }),
      'none',
    ),
    index: withDefault(
      choice(
        'An image of which `platforms` selects a part. `whole`: with its index and digest, which many registries refuse without the other platforms. `narrowed`: only these platforms, with another digest.',
        ['whole', 'narrowed'],
      ),
      'whole',
    ),
    credentials: z.array(credentials).describe('Tried in order.').optional(),
    tls: z
      .strictObject({
        ca: file('PEM file with CAs, in addition to the public ones.', 'certificates').optional(),
        insecure: withDefault(bool('Do not verify the certificate.'), 'false'),
      })
      .transform(({ ca, insecure }) => ({ caFile: ca, insecure }))
      .describe('TLS to the registry.')
      .prefault({}),
  })
  .transform((raw, ctx) => {
    const { protocol, host, pathname } = new URL(raw.registry);
    if (pathname === '/')
      return {
        host,
        plainHttp: protocol === 'http:',
        prefix: raw.prefix,
        isNarrowed: raw.index === 'narrowed',
        credentials: raw.credentials ?? [],
        tls: raw.tls,
      };
    ctx.addIssue({
      code: 'custom',
      path: ['registry'],
      message: 'must not have a path (use to.prefix for it)',
    });
    return z.NEVER;
  })
  .describe('A registry that the images are copied to.');

const window = scalar('Only at these times of the day, in the time zone of the server, such as `22:00-06:00`.', {
  expected: 'must be two times such as 22:00-06:00',
  json: { type: 'string', pattern: '^\\d\\d:\\d\\d-\\d\\d:\\d\\d$' },
  format: 'times',
  parse: parseTimeWindow,
});

export const sync = z
  .strictObject({
    name: matching('Of the rule, for `layover sync` and `layover jobs`.', {
      pattern: /^[a-z0-9][a-z0-9._-]{0,62}$/,
      expected: 'must be a name such as base-images',
    }),
    repositories: z
      .array(repository)
      .min(1, 'must have at least one repository')
      .describe('Repositories of upstreams.'),
    tags: tagSelection,
    platforms: otherwise(
      z.array(platform).describe('Images for these platforms, of those that an index lists.'),
      'all',
    ),
    referrers: withDefault(bool('Also signatures, SBOMs and other attachments.'), 'false'),
    every: otherwise(ownTimer('From the end of one run to the start of the next; also at startup.'), 'only by command'),
    at: at.optional(),
    window: otherwise(window, 'any time'),
    bandwidth: otherwise(
      size('Bytes per second of the blobs that it fetches, within `background.bandwidth`.'),
      'no limit',
    ),
    concurrency: withDefault(integer('Images that are fetched at the same time.', { min: 1, max: 100 }), '2'),
    gone: withDefault(
      choice(
        'A cached tag that the upstream no longer lists. `keep`: it stays until it expires. `untag`: it is removed.',
        ['keep', 'untag'],
      ),
      'keep',
    ),
    to: target.optional(),
  })
  .transform(({ every, bandwidth, platforms, ...raw }, ctx) => {
    if (every !== undefined && raw.at !== undefined)
      ctx.addIssue({ code: 'custom', path: ['at'], message: 'excludes every (remove one of them)' });
    return {
      ...raw,
      platforms: platforms ?? [],
      everyMs: every,
      /** Bytes per second. Absent: no limit. */
      bandwidth: bandwidth || undefined,
    };
  })
  .describe('Keep tags of upstreams in the cache. [More](mirroring.md#sync).');
