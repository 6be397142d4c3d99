import { findAuthConflicts, findAuthOddities } from './auth-rules.ts';
import { findOverlaps } from './overlaps.ts';
import { findAccessConflicts } from './private-rules.ts';
import type { Finding, KeyPath } from './problem.ts';
import { DRIVERS_IN_WORDS, SUPPORTED_DRIVERS, UNSUPPORTED_DRIVERS } from './schema/storage.ts';
import { plainAt, textAt } from './tree.ts';
import { parseBoolean, parseTcpAddress } from './units.ts';
import { aliasesOf, upstreamNameOf } from './upstream-name.ts';

/**
 * Keys that exclude or need each other.
 *
 * Works on the plain values, even when they are wrong, so that these problems are reported together with the schema's.
 */
export function findConflicts(plain: unknown): Finding[] {
  return [
    ...checkDriver(plain),
    ...checkListen(plain),
    ...checkTls(plain),
    ...checkWorkers(plain),
    ...checkAdmin(plain),
    ...findAuthConflicts(plain),
    ...checkRedis(plain),
    ...checkProxy(plain),
    ...checkPopular(plain),
    ...findAccessConflicts(plain),
    ...findOverlaps(plain),
  ];
}

function checkDriver(plain: unknown): Finding[] {
  const storage = plainAt(plain, ['storage']);
  if (!isMap(storage)) return [];
  const all: readonly string[] = [...SUPPORTED_DRIVERS, ...UNSUPPORTED_DRIVERS];
  const drivers = Object.keys(storage).filter((key) => all.includes(key));
  const last = drivers.at(-1);
  if (last === undefined) return [atKey(['storage'], `has no driver (use ${DRIVERS_IN_WORDS})`)];
  if (drivers.length === 1) return [];
  const hint = `keep one; to replace the driver of the file from the environment, set REGISTRY_STORAGE=${last} first`;
  return [atKey(['storage', last], `more than one storage driver (${drivers.join(', ')}): ${hint}`)];
}

function checkListen(plain: unknown): Finding[] {
  const path = ['http', 'addr'];
  const addr = textAt(plain, path);
  const isUnix = textAt(plain, ['http', 'net'])?.toLowerCase() === 'unix';
  if (isUnix)
    return plainAt(plain, path) === undefined
      ? [atValue(path, 'must be the path of a socket, because http.net is unix')]
      : [];
  if (addr === undefined || parseTcpAddress(addr) !== undefined) return [];
  return [atValue(path, 'must be an address such as :5000, 127.0.0.1:5000 or [::1]:5000')];
}

function checkWorkers(plain: unknown): Finding[] {
  const path = ['http', 'workers'];
  const letsEncrypt = plainAt(plain, ['http', 'tls', 'letsencrypt']);
  const count = Number(textAt(plain, path));
  if (!(count > 1) || !isMap(letsEncrypt) || Object.keys(letsEncrypt).length === 0) return [];
  return [atValue(path, "must be 1 or auto: with Let's Encrypt, the service has one process")];
}

function checkTls(plain: unknown): Finding[] {
  const tls = plainAt(plain, ['http', 'tls']);
  if (!isMap(tls)) return [];
  const path = ['http', 'tls', 'letsencrypt'];
  const letsEncrypt = plainAt(tls, ['letsencrypt']);
  if (isMap(letsEncrypt) && Object.keys(letsEncrypt).length > 0) {
    return [
      ...['certificate', 'key']
        .filter((key) => Object.hasOwn(tls, key))
        .map((key) =>
          atKey(['http', 'tls', key], 'excludes letsencrypt, which obtains the certificate (remove one of them)'),
        ),
      ...['cachefile', 'hosts']
        .filter((key) => isNothing(letsEncrypt[key]))
        .map((key) => atValue([...path, key], 'is required to obtain a certificate')),
    ];
  }
  // An empty letsencrypt is allowed.
  if (Object.keys(tls).every((key) => key === 'letsencrypt')) return [];
  const missing = ['certificate', 'key'].filter((key) => !Object.hasOwn(tls, key));
  return missing.map((key) => atValue(['http', 'tls', key], 'is required to serve HTTPS'));
}

function isNothing(value: unknown): boolean {
  return value === undefined || value === null || (Array.isArray(value) && value.length === 0);
}

function checkRedis(plain: unknown): Finding[] {
  const keys: KeyPath[] = [
    ['storage', 'cache', 'blobdescriptor'],
    ['storage', 'cache', 'layerinfo'],
    ['storage', 'index', 'location'],
  ];
  if (hasRedis(plain)) return [];
  return keys.filter((path) => textAt(plain, path) === 'redis').map((path) => atValue(path, 'requires redis.addrs'));
}

function hasRedis(plain: unknown): boolean {
  const addrs = plainAt(plain, ['redis', 'addrs']);
  return (Array.isArray(addrs) && addrs.length > 0) || textAt(plain, ['redis', 'addr']) !== undefined;
}

/** A client that reaches the admin API without a token can empty the cache. */
function checkAdmin(plain: unknown): Finding[] {
  const addr = textAt(plain, ['admin', 'addr']);
  const hasToken = ['token', 'tokenfile'].some((key) => plainAt(plain, ['admin', key]) !== undefined);
  const listen = addr === undefined ? undefined : parseTcpAddress(addr);
  if (listen?.net !== 'tcp' || hasToken || /^(?:127\.|::1$|localhost$)/.test(listen.host ?? '')) return [];
  return [
    atValue(['admin', 'addr'], 'is reachable from other machines, which requires admin.token or admin.tokenfile'),
  ];
}

function checkProxy(plain: unknown): Finding[] {
  const upstreams = plainAt(plain, ['proxy', 'upstreams']);
  if (!Array.isArray(upstreams) || upstreams.length === 0)
    return checkCredentials(plain, plainAt(plain, REMOTE_URL) !== undefined);
  const defaults = defaultIndexes(upstreams);
  return [
    ...(plainAt(plain, REMOTE_URL) === undefined
      ? []
      : [atKey(REMOTE_URL, 'excludes proxy.upstreams (add it to that list)')]),
    ...defaults
      .slice(1)
      .map((i) => atValue(upstreamPath(i, 'default'), `only one can be the default, and upstreams[${defaults[0]}] is`)),
    ...findDuplicates(upstreams),
    ...checkPushes(upstreams),
    ...checkCredentials(plain, defaults.length > 0),
  ];
}

/** Popular tags come from the record of pulls. */
function checkPopular(plain: unknown): Finding[] {
  const warm = plainAt(plain, ['proxy', 'warm']);
  if (textAt(plain, ['audit', 'keep']) !== 'off' || !Array.isArray(warm)) return [];
  return warm.flatMap((entry: unknown, i) =>
    plainAt(entry, ['popular']) === undefined
      ? []
      : [atKey(['proxy', 'warm', i, 'popular'], 'needs the record of pulls (set audit.keep to a duration)')],
  );
}

const REMOTE_URL: KeyPath = ['proxy', 'remoteurl'];

/** Upstreams with `default: true`; a single one is the default unless it has `default: false`. */
function defaultIndexes(upstreams: readonly unknown[]): number[] {
  const only = upstreams.length === 1 ? 'true' : 'false';
  const isDefault = (upstream: unknown) => parseBoolean(textAt(upstream, ['default']) ?? only) === true;
  return [...upstreams.keys()].filter((i) => isDefault(upstreams[i]));
}

function checkCredentials(plain: unknown, hasDefault: boolean): Finding[] {
  if (hasDefault) return [];
  const given = ['username', 'password', 'exec'].filter((key) => plainAt(plain, ['proxy', key]) !== undefined);
  return given.map((key) =>
    atKey(
      ['proxy', key],
      'is for the default upstream, and no upstream is the default (set default: true at one of proxy.upstreams)',
    ),
  );
}

/** Forwarded pushes use separate connections without a proxy, which may not be allowed there. */
function checkPushes(upstreams: readonly unknown[]): Finding[] {
  return [...upstreams.entries()]
    .filter(
      ([, upstream]) => textAt(upstream, ['push']) === 'passthrough' && plainAt(upstream, ['httpproxy']) !== undefined,
    )
    .map(([i]) => atValue(upstreamPath(i, 'push'), 'pushes cannot go through httpproxy (remove one of the two)'));
}

function findDuplicates(upstreams: readonly unknown[]): Finding[] {
  const owners = new Map<string, number>();
  const findings: Finding[] = [];
  for (const [i, upstream] of upstreams.entries()) {
    for (const { host, path } of hostsOf(upstream, i)) {
      const owner = owners.get(host);
      if (owner === undefined) owners.set(host, i);
      else if (owner !== i) findings.push(atValue(path, `${host} already means upstreams[${owner}]`));
    }
  }
  return findings;
}

function hostsOf(upstream: unknown, i: number): { host: string; path: KeyPath }[] {
  const name = textAt(upstream, ['name']) ?? upstreamNameOf(textAt(upstream, ['remoteurl']) ?? '');
  if (name === undefined) return [];
  const aliases = plainAt(upstream, ['aliases']);
  const configured = Array.isArray(aliases) ? aliases.filter((alias) => typeof alias === 'string') : [];
  const pathOf = (alias: string) =>
    configured.includes(alias) ? upstreamPath(i, 'aliases', configured.indexOf(alias)) : upstreamPath(i, 'name');
  return [
    { host: name, path: upstreamPath(i, 'name') },
    ...aliasesOf(name, configured).map((alias) => ({ host: alias, path: pathOf(alias) })),
  ];
}

function upstreamPath(index: number, ...rest: (string | number)[]): KeyPath {
  return ['proxy', 'upstreams', index, ...rest];
}

/** Allowed, but probably a mistake. */
export function findOddities(plain: unknown): Finding[] {
  const has = (...path: string[]) => plainAt(plain, path) !== undefined;
  const isOn = (...path: string[]) => parseBoolean(textAt(plain, path) ?? '') === true;
  const odd: Finding[] = [];
  for (const driver of ['s3', 's3aws']) {
    const isPlain = parseBoolean(textAt(plain, ['storage', driver, 'secure']) ?? 'true') === false;
    if (!isPlain || has('storage', driver, 'regionendpoint')) continue;
    odd.push(atKey(['storage', driver, 'secure'], 'has no effect: Amazon S3 always uses HTTPS'));
  }
  if (has('loglevel')) odd.push(atKey(['loglevel'], 'deprecated: use log.level'));
  if (isOn('http', 'debug', 'prometheus', 'enabled') && !has('http', 'debug', 'addr')) {
    odd.push(atKey(['http', 'debug', 'prometheus'], 'has no effect without http.debug.addr'));
  }
  odd.push(...findRedisOddities(plain), ...findAuthOddities(plain));
  if (has('proxy', 'sync') && isOn('proxy', 'offline')) {
    odd.push(atKey(['proxy', 'sync'], 'has no effect with proxy.offline'));
  }
  if (has('http', 'tls', 'clientauth') && !has('http', 'tls', 'clientcas')) {
    odd.push(atKey(['http', 'tls', 'clientauth'], 'has no effect without http.tls.clientcas'));
  }
  if (has('proxy', 'username') !== has('proxy', 'password') && !has('proxy', 'exec')) {
    const [given, missing] = has('proxy', 'username') ? ['username', 'password'] : ['password', 'username'];
    odd.push(atKey(['proxy', given], `has no effect without proxy.${missing}: upstreams are used anonymously`));
  }
  return odd;
}

function findRedisOddities(plain: unknown): Finding[] {
  const has = (...path: string[]) => plainAt(plain, path) !== undefined;
  const odd: Finding[] = [];
  const redis = plainAt(plain, ['redis']);
  if (isMap(redis) && Object.keys(redis).length > 0 && !hasRedis(plain)) {
    odd.push(atKey(['redis'], 'has no effect without redis.addrs'));
  }
  if (has('redis', 'tls', 'certificate') !== has('redis', 'tls', 'key')) {
    odd.push(atKey(['redis', 'tls'], 'no client certificate is sent: it needs both certificate and key'));
  }
  const kind = textAt(plain, ['storage', 'cache', 'blobdescriptor']) ?? 'inmemory';
  if (kind !== 'redis' && kind !== 'inmemory') {
    odd.push(
      atValue(['storage', 'cache', 'blobdescriptor'], 'unknown value, inmemory is used (use redis or inmemory)'),
    );
  }
  return odd;
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function atKey(path: KeyPath, message: string): Finding {
  return { path, part: 'key', message };
}

function atValue(path: KeyPath, message: string): Finding {
  return { path, part: 'value', message };
}
