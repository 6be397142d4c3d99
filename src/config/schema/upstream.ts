import { z } from 'zod';
import type { Pattern } from '../../matching/pattern.ts';
import { aliasesOf, DOCKER_HUB, upstreamNameOf } from '../upstream-name.ts';
import { httpUrl, registryUrl } from './address.ts';
import { budget } from './budget.ts';
import { credentials, host } from './credentials.ts';
import { otherwise, withDefault } from './defaults.ts';
import { ownDuration, ownTimer } from './duration.ts';
import { bool } from './number.ts';
import { glob, pattern } from './pattern.ts';
import { privateRepositories } from './private.ts';
import { choice, file, matching, platform } from './text.ts';

export interface TagRule {
  match: Pattern;
  ttlMs: number;
  revalidate?: 'blocking' | 'background' | undefined;
}

/** Official images are rebuilt under the same full version. */
const FULL_VERSION: TagRule = { match: /^v?\d+\.\d+\.\d+/, ttlMs: 3_600_000, revalidate: 'background' };

const REVALIDATE = ['blocking', 'background'] as const;

const staleOrError = (status: string) =>
  choice(`Response when the upstream returns ${status} for a cached tag. \`stale\`: serve it.`, ['error', 'stale']);

const tagRule = z
  .strictObject({
    match: pattern('Regular expression that is searched for in the tag.'),
    ttl: ownDuration('Instead of `tags.ttl`.'),
    revalidate: otherwise(choice('Instead of `tags.revalidate`.', REVALIDATE), '`tags.revalidate`'),
  })
  .transform(({ match, ttl, revalidate }): TagRule => ({ match, ttlMs: ttl, ...(revalidate && { revalidate }) }));

const tags = z
  .strictObject({
    ttl: withDefault(ownDuration('How long a tag is served before it is revalidated.'), '5m'),
    rules: otherwise(
      z
        .array(tagRule)
        .describe(
          'The first rule that matches beats `tags.ttl`. Tags that are a digest are revalidated on every request unless a rule matches only them; see [operating-cache.md](operating-cache.md#signatures).',
        ),
      'full versions such as `v1.27.3`: `1h`, then revalidated in the background',
    ),
    revalidate: withDefault(
      choice('`background`: a tag past its TTL is served immediately and revalidated afterwards.', REVALIDATE),
      'blocking',
    ),
    onnotfound: withDefault(staleOrError('404'), 'error'),
    ondenied: withDefault(staleOrError('401 or 403'), 'error'),
  })
  .transform(({ ttl, rules, revalidate, onnotfound, ondenied }) => ({
    ttlMs: ttl,
    rules: rules ?? [FULL_VERSION],
    revalidate,
    onNotFound: onnotfound,
    onDenied: ondenied,
  }))
  .describe('How long tags stay fresh.');

const mirror = z
  .preprocess(
    (given) => (typeof given === 'string' ? { url: given, tags: 'true' } : given),
    z.strictObject({
      url: registryUrl('Address of the mirror.'),
      tags: withDefault(bool('Request tags from it, too. Its tags may be older than those of the registry.'), 'false'),
    }),
  )
  .transform(({ url, tags: knowsTags }) => (knowsTags ? url : { url, tags: false }));

const prefetch = z
  .strictObject({
    children: withDefault(
      choice('`platforms`: those listed. `pulled`: those that are stored of other indexes of the repository.', [
        'none',
        'platforms',
        'pulled',
      ]),
      'none',
    ),
    platforms: z.array(platform).describe('For `children: platforms`.').optional(),
  })
  .transform(({ children, platforms = [] }, ctx) => {
    if ((children === 'platforms') !== platforms.length > 0)
      ctx.addIssue({ code: 'custom', message: 'children: platforms and a list of platforms need each other' });
    if (children === 'none') return undefined;
    return { platforms: children === 'pulled' ? ('pulled' as const) : platforms };
  })
  .describe('When a client pulls an index, its images for these platforms are [fetched too](mirroring.md#prefetch).');

const timeouts = z
  .strictObject({
    connect: withDefault(ownTimer('Until connected.'), '2s'),
    headers: withDefault(ownTimer('Until the headers of the response are received.'), '10s'),
    idle: withDefault(ownTimer('Between two chunks of a body.'), '30s'),
  })
  .transform(({ connect, headers, idle }) => ({ connectMs: connect, headersMs: headers, idleMs: idle }))
  .describe('When to give up on the upstream.');

const storePrefix = matching(
  "Before the upstream's names in the storage. `''`: nothing, as with `remoteurl`; for one upstream only. No prefix may be below another's.",
  {
    pattern: /^\/?(?:[a-z0-9]+(?:[._:-]+[a-z0-9]+)*(?:\/|$))*$/,
    expected: 'must be empty or a path such as mirror/ghcr.io',
    format: 'path',
  },
);

const globs = (description: string) => z.array(glob('A glob.')).describe(description);

const PUSH_DESCRIPTION = [
  '`off`: pushes and deletes are refused.',
  '`passthrough`: they are forwarded to the upstream with the credentials of this entry, and the cache drops the content they change.',
  'Not together with `httpproxy`.',
].join(' ');

const keys = z.strictObject({
  remoteurl: registryUrl(
    'Address of the registry, without credentials, query and fragment; may have a path. `/v2/` at its end is removed, with a notice.',
  ),
  name: otherwise(
    host('The `ns` value and the path prefix.'),
    "host of `remoteurl`; `docker.io` for any of Docker Hub's",
  ),
  aliases: z
    .array(host('A host name.'))
    .describe(
      'Other `ns` values, prefixes and `Host` headers. Those of Docker Hub are known: `index.docker.io`, `registry-1.docker.io`, `registry.hub.docker.com`.',
    )
    .optional(),
  mirrors: z
    .array(mirror)
    .describe('Tried in order before `remoteurl`; a URL alone is a mirror with `tags: true`.')
    .optional(),
  library: otherwise(bool('Names with one part mean `library/<name>`.'), '`true` for `docker.io`'),
  default: otherwise(bool('Serves names that select no upstream.'), '`true` if it is the only one'),
  storeprefix: otherwise(storePrefix, '`name`'),
  credentials: z.array(credentials).describe('Tried in order.').optional(),
  tags: tags.prefault({}),
  prefetch: prefetch.optional(),
  budget: budget.prefault({}),
  private: privateRepositories.prefault({}),
  timeouts: timeouts.prefault({}),
  allow: otherwise(globs("Globs over the upstream's names that may be pulled."), 'all'),
  deny: otherwise(globs('Globs over those that may not.'), 'none'),
  tls: z
    .strictObject({
      ca: file('PEM file with CAs, in addition to the public ones.', 'certificates').optional(),
      insecure: withDefault(bool('Do not verify the certificate.'), 'false'),
    })
    .transform(({ ca, insecure }) => ({ caFile: ca, insecure }))
    .describe('TLS to the upstream.')
    .prefault({}),
  httpproxy: httpUrl('Proxy for this upstream; beats `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`.').optional(),
  push: withDefault(choice(PUSH_DESCRIPTION, ['off', 'passthrough']), 'off'),
});

export const upstream = keys.transform(toUpstream).describe('A registry that is pulled from.');

function toUpstream(raw: z.output<typeof keys>) {
  const name = raw.name ?? upstreamNameOf(raw.remoteurl) ?? raw.remoteurl;
  return {
    /** The `ns` value and path prefix, such as `docker.io`. */
    name,
    /** Without a trailing slash; may have a path. */
    remoteUrl: raw.remoteurl,
    /** Other `ns` values, prefixes and Host headers that mean this upstream. */
    aliases: aliasesOf(name, raw.aliases ?? []),
    /** Tried in order before `remoteUrl`; without trailing slashes. A URL alone serves tags, too. */
    mirrors: raw.mirrors ?? [],
    /** One-segment names mean `library/<name>`. */
    library: raw.library ?? name === DOCKER_HUB,
    /** Serves names without `ns`, prefix or Host match. Absent when that depends on the other upstreams. */
    isDefault: raw.default,
    /** Before the upstream's names in the storage; empty for distribution's layout. No slashes at its ends. */
    storePrefix: (raw.storeprefix ?? name).replace(/^\/+|\/+$/g, ''),
    credentials: raw.credentials ?? [],
    tags: raw.tags,
    /** Absent: nothing. */
    prefetch: raw.prefetch,
    budget: raw.budget,
    /** Who gets private repositories. Absent: every client. */
    access: raw.private,
    timeouts: raw.timeouts,
    /** Globs over the upstream's names; empty: all. */
    allow: raw.allow ?? [],
    deny: raw.deny ?? [],
    tls: raw.tls,
    httpProxy: raw.httpproxy,
    /** Pushes and deletes are forwarded to it; otherwise they are refused. */
    passthrough: raw.push === 'passthrough',
  };
}
