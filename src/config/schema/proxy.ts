import { z } from 'zod';
import type { CredentialsConfig } from '../config.ts';
import {
  bool,
  choice,
  duration,
  glob,
  httpUrl,
  integer,
  matching,
  name,
  ownDuration,
  ownTimer,
  pattern,
  registryUrl,
  secret,
  signedDuration,
  size,
  text,
} from './scalar.ts';

const HOST = /^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::\d{1,5})?$/;

const host = (description: string) =>
  matching(description, { pattern: HOST, expected: 'must be a host name such as ghcr.io, in lower case' });

const storePrefix = matching('What goes before names in the storage. Default: the name of the upstream.', {
  pattern: /^\/?(?:[a-z0-9]+(?:[._:-]+[a-z0-9]+)*(?:\/|$))*$/,
  expected: 'must be empty or a path such as mirror/ghcr.io',
});

const LIFETIME = 'How long the answer is used; 0: asked for every token. Default: as long as the service runs.';

const credentialEntry = z.strictObject({
  username: text('User name.').optional(),
  password: secret('Password or access token.').optional(),
  file: text('File with the password; with username:password when there is no username here.').optional(),
  dockerconfig: text("docker's config.json, with its auths, credHelpers and credsStore.").optional(),
  exec: text('A docker credential helper.').optional(),
  lifetime: ownDuration(LIFETIME).optional(),
  realm: z
    .preprocess((value) => (typeof value === 'string' ? [value] : value), z.array(host('Host of a token server.')))
    .describe("Host of a token server outside of the upstream's domain that may have them; or a list. Default: none.")
    .optional(),
});
type CredentialEntry = z.output<typeof credentialEntry>;

const KINDS = ['password', 'file', 'dockerconfig', 'exec'] as const;

const credentials = credentialEntry
  .transform((entry, ctx): CredentialsConfig => {
    const message = findMistake(entry);
    if (message === undefined) return toCredentials(entry);
    ctx.addIssue({ code: 'custom', message });
    return z.NEVER;
  })
  .describe('One source of credentials: username and password, file, dockerconfig, or exec.');

function findMistake(entry: CredentialEntry): string | undefined {
  const kinds = KINDS.filter((kind) => entry[kind] !== undefined);
  if (kinds.length !== 1) return 'must have one of username and password, file, dockerconfig, or exec';
  if (entry.password !== undefined && entry.username === undefined) return 'has a password and no username';
  if (entry.username !== undefined && (entry.dockerconfig ?? entry.exec) !== undefined) {
    return `cannot have a username with ${kinds.join()}, which brings its own`;
  }
  return entry.lifetime !== undefined && entry.exec === undefined
    ? 'has a lifetime, which only exec can have'
    : undefined;
}

function toCredentials({ realm, ...entry }: CredentialEntry): CredentialsConfig {
  return { ...toPlace(entry), ...(realm && { realms: realm }) };
}

function toPlace({ username, password, file, dockerconfig, exec, lifetime }: CredentialEntry): CredentialsConfig {
  if (exec !== undefined) return { kind: 'exec', command: exec, lifetimeMs: lifetime };
  if (dockerconfig !== undefined) return { kind: 'dockerconfig', path: dockerconfig };
  if (file !== undefined) return { kind: 'file', username, path: file };
  return { kind: 'static', username: username ?? '', password: password ?? '' };
}

const staleOrError = (status: string) =>
  choice(`What a client gets when the upstream says ${status} of a tag that is kept here. Default: error.`, [
    'error',
    'stale',
  ]);

const tags = z
  .strictObject({
    ttl: ownDuration('How long a tag is served without asking again. Default: 5m.').optional(),
    rules: z
      .array(z.strictObject({ match: pattern('Searched for in the tag.'), ttl: ownDuration('As tags.ttl.') }))
      .describe('The first that matches beats ttl. Default: full versions such as v1.27.3 for 168h.')
      .optional(),
    revalidate: choice('background: a stale tag is served at once and asked for afterwards. Default: blocking.', [
      'blocking',
      'background',
    ]).optional(),
    onnotfound: staleOrError('404').optional(),
    ondenied: staleOrError('401 or 403').optional(),
  })
  .describe('How long tags stay fresh.');

const timeouts = z
  .strictObject({
    connect: ownTimer('Until the connection stands. Default: 2s.').optional(),
    headers: ownTimer('Until the headers of the answer are in. Default: 10s.').optional(),
    idle: ownTimer('Between two pieces of a body. Default: 30s.').optional(),
  })
  .describe('When to give up on the upstream.');

const globs = (description: string) => z.array(glob('A name with * and **.')).describe(description);

const upstream = z
  .strictObject({
    name: host('Value of ns and path prefix, such as ghcr.io. Default: the host of remoteurl.').optional(),
    remoteurl: registryUrl('Address of the registry.'),
    aliases: z
      .array(host('A host name.'))
      .describe('Other ns values, path prefixes and Host headers that mean it.')
      .optional(),
    mirrors: z.array(registryUrl('Address of a mirror.')).describe('Tried in order before remoteurl.').optional(),
    library: bool('One-segment names mean library/<name>. Default: true for docker.io.').optional(),
    default: bool('Serves names that say no upstream. Default: true when there is only this one.').optional(),
    storeprefix: storePrefix.optional(),
    credentials: z.array(credentials).describe('Tried in order.').optional(),
    tags: tags.optional(),
    timeouts: timeouts.optional(),
    allow: globs('Names that may be pulled. Default: all.').optional(),
    deny: globs('Names that may not.').optional(),
    tls: z
      .strictObject({
        ca: text("PEM file with CAs, in addition to the system's.").optional(),
        insecure: bool('Do not verify the certificate. Default: false.').optional(),
      })
      .describe('How the upstream proves who it is.')
      .optional(),
    httpproxy: httpUrl('Proxy to go through; beats HTTP_PROXY, HTTPS_PROXY and NO_PROXY.').optional(),
    push: choice('passthrough: pushes and deletes are sent on to the upstream. Default: off.', [
      'off',
      'passthrough',
    ]).optional(),
  })
  .describe('A registry that is pulled from.');
export type RawUpstream = z.output<typeof upstream>;

const fills = z.strictObject({
  maxconcurrent: integer('Blobs fetched at the same time. Default: 32.', { min: 1, max: 100_000 }).optional(),
  maxperupstream: integer('Of these from one upstream. Default: three quarters, or all where there is one upstream.', {
    min: 1,
    max: 100_000,
  }).optional(),
  minrate: size(
    'An upstream that sends less per second for half a minute counts as stalled; 0: never. Default: 4KiB.',
  ).optional(),
  maxspool: size('Bytes that unfinished blobs may take. Default: 100GiB.').optional(),
  directory: name(
    'Where unfinished blobs lie, for drivers that keep content elsewhere than on a local disk.',
  ).optional(),
  advertise: registryUrl(
    'URL at which the other replicas reach this one. With redis, they fetch each blob once.',
  ).optional(),
  keepspool: ownDuration('How long an unfinished blob waits to be continued. Default: 24h.').optional(),
});

export const proxy = z
  .strictObject({
    remoteurl: registryUrl('The one registry to pull from; upstreams: for more than one.').optional(),
    username: text('User at the default upstream.').optional(),
    password: secret('Password or access token at the default upstream.').optional(),
    exec: z
      .strictObject({
        command: name('A docker credential helper; beats username and password.'),
        lifetime: duration(LIFETIME).optional(),
      })
      .describe('Credentials for the default upstream.')
      .optional(),
    ttl: signedDuration('Forget content after this long without use; 0: never. Default: 168h.').optional(),
    cachewritetimeout: duration('Longest time one blob may take.').optional(),
    upstreams: z.array(upstream).describe('Registries to pull from.').optional(),
    hosted: globs('Names that are pushed here and never asked upstream.').optional(),
    offline: bool('Never contact an upstream. Default: false.').optional(),
    fills: fills.describe('Limits of fetching.').optional(),
  })
  .describe('Pull through other registries and keep what was pulled.');
