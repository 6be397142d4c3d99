import type { CredentialsConfig, ProxyConfig, TagPolicyConfig, UpstreamConfig } from './config.ts';
import type { Environment } from './environment.ts';
import type { RawUpstream } from './schema/proxy.ts';
import type { RawConfig } from './schema/schema.ts';
import { aliasesOf, DOCKER_HUB, upstreamNameOf } from './upstream-name.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const KIB = 1024;
const GIB = 1024 ** 3;

const FULL_VERSION = { match: /^v?\d+\.\d+\.\d+/, ttlMs: 168 * HOUR };

type RawProxy = NonNullable<RawConfig['proxy']>;

/** @returns undefined when no upstream is configured: a plain registry */
export function resolveProxy(proxy: RawProxy): ProxyConfig | undefined {
  const upstreams = resolveUpstreams(proxy);
  if (upstreams.length === 0) return undefined;
  return {
    upstreams,
    hosted: proxy.hosted ?? [],
    offline: proxy.offline ?? false,
    ttlMs: Math.max(0, proxy.ttl ?? 168 * HOUR),
    fills: {
      ...fillLimits(proxy.fills, upstreams.length),
      minRate: proxy.fills?.minrate ?? 4 * KIB,
      maxSpoolBytes: proxy.fills?.maxspool ?? 100 * GIB,
      keepSpoolMs: proxy.fills?.keepspool ?? 24 * HOUR,
      directory: proxy.fills?.directory,
      advertise: proxy.fills?.advertise,
    },
  };
}

/** Where there are several upstreams, a quarter of the slots is kept from each of them for the others. */
function fillLimits(fills: RawProxy['fills'], upstreams: number) {
  const maxConcurrent = fills?.maxconcurrent ?? 32;
  const share = upstreams > 1 ? Math.ceil(maxConcurrent * 0.75) : maxConcurrent;
  return { maxConcurrent, maxPerUpstream: Math.min(fills?.maxperupstream ?? share, maxConcurrent) };
}

/** Pushes go to the upstream by connections of their own, which know no proxy. */
export function findProxyOddities(proxy: ProxyConfig | undefined, env: Environment): string[] {
  const set = ['http', 'https'].filter((scheme) => env[`${scheme}_proxy`] || env[`${scheme.toUpperCase()}_PROXY`]);
  return (proxy?.upstreams ?? [])
    .filter(({ passthrough, remoteUrl }) => passthrough && set.some((scheme) => remoteUrl.startsWith(`${scheme}:`)))
    .map(({ name }) => `proxy.upstreams: pushes to ${name} go there directly, whatever HTTP_PROXY and HTTPS_PROXY say`);
}

function resolveUpstreams(proxy: RawProxy): UpstreamConfig[] {
  const shared = sharedCredentials(proxy);
  const { remoteurl, upstreams = [] } = proxy;
  // Without a prefix the storage is laid out as distribution does, and can be taken over from it.
  if (remoteurl !== undefined)
    return [
      { ...resolveUpstream({ remoteurl, default: true, storeprefix: '', credentials: shared }), anyNamespace: true },
    ];
  const isOnly = upstreams.length === 1;
  return upstreams.map((raw) => {
    const isDefault = raw.default ?? isOnly;
    const credentials = [...(isDefault ? shared : []), ...(raw.credentials ?? [])];
    return resolveUpstream({ ...raw, default: isDefault, credentials });
  });
}

/** Distribution's keys, meant for the default upstream; `exec` beats the other two. */
function sharedCredentials({ username, password, exec }: RawProxy): CredentialsConfig[] {
  if (exec !== undefined) return [{ kind: 'exec', command: exec.command, lifetimeMs: exec.lifetime }];
  if (username === undefined || password === undefined) return [];
  return [{ kind: 'static', username, password }];
}

function resolveUpstream(raw: RawUpstream): UpstreamConfig {
  const name = raw.name ?? upstreamNameOf(raw.remoteurl) ?? raw.remoteurl;
  return {
    name,
    remoteUrl: raw.remoteurl,
    aliases: aliasesOf(name, raw.aliases ?? []),
    mirrors: raw.mirrors ?? [],
    library: raw.library ?? name === DOCKER_HUB,
    isDefault: raw.default ?? false,
    storePrefix: (raw.storeprefix ?? name).replace(/^\/+|\/+$/g, ''),
    credentials: raw.credentials ?? [],
    tags: resolveTags(raw.tags ?? {}),
    timeouts: resolveTimeouts(raw.timeouts ?? {}),
    allow: raw.allow ?? [],
    deny: raw.deny ?? [],
    tls: { caFile: raw.tls?.ca, insecure: raw.tls?.insecure ?? false },
    httpProxy: raw.httpproxy,
    passthrough: raw.push === 'passthrough',
  };
}

function resolveTags(tags: NonNullable<RawUpstream['tags']>): TagPolicyConfig {
  return {
    ttlMs: tags.ttl ?? 5 * MINUTE,
    rules: tags.rules?.map(({ match, ttl }) => ({ match, ttlMs: ttl })) ?? [FULL_VERSION],
    revalidate: tags.revalidate ?? 'blocking',
    onNotFound: tags.onnotfound ?? 'error',
    onDenied: tags.ondenied ?? 'error',
  };
}

function resolveTimeouts({ connect, headers, idle }: NonNullable<RawUpstream['timeouts']>): UpstreamConfig['timeouts'] {
  return { connectMs: connect ?? 2 * SECOND, headersMs: headers ?? 10 * SECOND, idleMs: idle ?? 30 * SECOND };
}
