import type { Finding, KeyPath } from './problem.ts';
import { UNSUPPORTED_DRIVERS } from './schema/storage.ts';
import { plainAt, textAt } from './tree.ts';
import { parseBoolean } from './units.ts';

/** A key that is read and ignored. A version that honours it removes its line. */
interface UnhonouredKey {
  readonly path: KeyPath;
  /** Behaviour instead. */
  readonly instead: string;
  /** The value sets the behaviour that applies anyway. */
  readonly unless?: (value: unknown) => boolean;
}

const isOn = (value: unknown, ...path: string[]) => parseBoolean(textAt(value, path) ?? '') === true;
const isEmpty = (value: unknown) => typeof value === 'object' && value !== null && Object.keys(value).length === 0;

const POOL = ['pool', 'poolsize', 'poolfifo', 'pooltimeout', 'minidleconns', 'maxidleconns', 'maxactiveconns'];
const POOL_AGE = ['connmaxidletime', 'connmaxlifetime'];
const READ_REPLICAS = ['readonly', 'routebylatency', 'routerandomly'];

const REDIS_IGNORED: readonly UnhonouredKey[] = [
  ...[...POOL, ...POOL_AGE].map((key) => redisKey(key, 'one connection carries all commands')),
  ...['maxretries', 'minretrybackoff', 'maxretrybackoff'].map((key) => redisKey(key, 'commands are not retried')),
  ...READ_REPLICAS.map((key) => ({ ...redisKey(key, 'masters are used'), unless: (v: unknown) => !isOn(v) })),
  redisKey('writetimeout', 'redis.readtimeout covers the command and its reply'),
  { ...redisKey('contexttimeoutenabled', 'timeouts always apply'), unless: isOn },
  { ...redisKey('unstableresp3', 'Layover does not use these commands'), unless: (value) => !isOn(value) },
];

function redisKey(key: string, instead: string): UnhonouredKey {
  return { path: ['redis', key], instead };
}

function azureKey(key: string, instead: string): UnhonouredKey {
  return { path: ['storage', 'azure', key], instead: `${instead}; remove the key` };
}

/** Ignored with a warning. */
export const IGNORED_KEYS: readonly UnhonouredKey[] = [
  { path: ['log', 'hooks'], instead: 'no mail is sent', unless: isEmpty },
  { path: ['log', 'reportcaller'], instead: 'lines do not name the source code', unless: (value) => !isOn(value) },
  { path: ['storage', 'filesystem', 'maxthreads'], instead: 'Node.js limits its own threads (UV_THREADPOOL_SIZE)' },
  { path: ['storage', 'gcs', 'maxconcurrency'], instead: 'requests are not limited' },
  { path: ['storage', 'azure', 'connectionstring'], instead: 'use accountname and accountkey' },
  ...['max_retries', 'retry_delay'].map((key) => azureKey(key, 'Layover has its own schedule of retries')),
  { ...azureKey('skipverify', 'certificates are always verified'), unless: (value) => !isOn(value) },
  { path: ['storage', 'tag', 'concurrencylimit'], instead: 'Layover has its own limit' },
  { path: ['middleware', 'registry'], instead: 'no middleware is loaded', unless: isEmpty },
  { path: ['middleware', 'repository'], instead: 'no middleware is loaded', unless: isEmpty },
  ...REDIS_IGNORED,
  { path: ['proxy', 'cachewritetimeout'], instead: 'a write has no time limit while bytes keep coming' },
  { path: ['reporting'], instead: 'nothing is reported', unless: isEmpty },
  { path: ['compatibility'], instead: 'schema 1 is not supported', unless: isEmpty },
];

const INSTEAD_OF: Readonly<Record<(typeof UNSUPPORTED_DRIVERS)[number], string>> = {
  swift: 'use storage.s3 with the S3 API of the store, which serves the same container (see docs/storage-swift.md)',
};

/** Refused: a service that ignored them would be open, or lose data, without the operator's knowledge. */
const REFUSED: readonly UnhonouredKey[] = [
  ...UNSUPPORTED_DRIVERS.map((driver) => ({ path: ['storage', driver], instead: INSTEAD_OF[driver] })),
];

/** @param path without indexes */
export function isHonoured(path: readonly string[]): boolean {
  return ![...IGNORED_KEYS, ...REFUSED].some((key) => key.path.every((part, i) => part === path[i]));
}

export function findIgnored(plain: unknown): Finding[] {
  return IGNORED_KEYS.filter((key) => isIgnored(plain, key)).map(({ path, instead }) => ({
    path,
    part: 'key',
    message: `not honoured by this version: ${instead}`,
  }));
}

export function findRefused(plain: unknown): Finding[] {
  return REFUSED.filter((key) => isIgnored(plain, key)).map(({ path, instead }) => ({
    path,
    part: 'key',
    message: `not supported by this version; ${instead}`,
  }));
}

function isIgnored(plain: unknown, { path, unless }: UnhonouredKey): boolean {
  const value = plainAt(plain, path);
  return value !== undefined && value !== null && unless?.(value) !== true;
}
