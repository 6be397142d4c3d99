import type { Finding, KeyPath } from './problem.ts';
import { DRIVERS_IN_WORDS, UNSUPPORTED_DRIVERS } from './schema/storage.ts';
import { plainAt, textAt } from './tree.ts';
import { parseBoolean } from './units.ts';

/** A key that is read and then not acted upon. A version that does removes its line. */
interface UnhonouredKey {
  readonly path: KeyPath;
  /** What happens instead. */
  readonly instead: string;
  /** The value asks for no more than what happens anyway. */
  readonly unless?: (value: unknown) => boolean;
}

const isOn = (value: unknown, ...path: string[]) => parseBoolean(textAt(value, path) ?? '') === true;
const isEmpty = (value: unknown) => typeof value === 'object' && value !== null && Object.keys(value).length === 0;

const POOL = ['pool', 'poolsize', 'poolfifo', 'pooltimeout', 'minidleconns', 'maxidleconns', 'maxactiveconns'];
const POOL_AGE = ['connmaxidletime', 'connmaxlifetime'];
const READ_REPLICAS = ['readonly', 'routebylatency', 'routerandomly'];

const REDIS_IGNORED: readonly UnhonouredKey[] = [
  ...[...POOL, ...POOL_AGE].map((key) => redisKey(key, 'one connection carries all commands')),
  ...['maxretries', 'minretrybackoff', 'maxretrybackoff'].map((key) => redisKey(key, 'nobody waits for a second try')),
  ...READ_REPLICAS.map((key) => ({ ...redisKey(key, 'masters are asked'), unless: (v: unknown) => !isOn(v) })),
  redisKey('writetimeout', 'redis.readtimeout is for the command and its answer'),
  { ...redisKey('contexttimeoutenabled', 'timeouts always apply'), unless: isOn },
  { ...redisKey('unstableresp3', 'nothing that it is for is used'), unless: (value) => !isOn(value) },
];

function redisKey(key: string, instead: string): UnhonouredKey {
  return { path: ['redis', key], instead };
}

/** Ignored with a warning. */
const IGNORED: readonly UnhonouredKey[] = [
  { path: ['log', 'hooks'], instead: 'no mail is sent', unless: isEmpty },
  { path: ['log', 'reportcaller'], instead: 'lines do not name the code', unless: (value) => !isOn(value) },
  { path: ['storage', 'filesystem', 'maxthreads'], instead: 'Node.js limits its own threads (UV_THREADPOOL_SIZE)' },
  { path: ['storage', 'tag', 'concurrencylimit'], instead: 'tags are read with a limit of its own' },
  { path: ['middleware', 'registry'], instead: 'no middleware is loaded', unless: isEmpty },
  { path: ['middleware', 'repository'], instead: 'no middleware is loaded', unless: isEmpty },
  ...REDIS_IGNORED,
  { path: ['proxy', 'cachewritetimeout'], instead: 'a blob may take as long as bytes keep coming' },
  { path: ['reporting'], instead: 'nothing is reported', unless: isEmpty },
  { path: ['compatibility'], instead: 'there is no schema 1', unless: isEmpty },
];

/** Refused, because a service that ignores them is open, or loses data, where the operator thinks it is not. */
const REFUSED: readonly UnhonouredKey[] = [
  ...UNSUPPORTED_DRIVERS.map((driver) => ({
    path: ['storage', driver],
    instead: `storage drivers are ${DRIVERS_IN_WORDS}`,
  })),
];

export function findIgnored(plain: unknown): Finding[] {
  return IGNORED.filter((key) => asksForMore(plain, key)).map(({ path, instead }) => ({
    path,
    part: 'key',
    message: `not honoured by this version: ${instead}`,
  }));
}

export function findRefused(plain: unknown): Finding[] {
  return REFUSED.filter((key) => asksForMore(plain, key)).map(({ path, instead }) => ({
    path,
    part: 'key',
    message: `not supported by this version; ${instead}`,
  }));
}

function asksForMore(plain: unknown, { path, unless }: UnhonouredKey): boolean {
  const value = plainAt(plain, path);
  return value !== undefined && value !== null && unless?.(value) !== true;
}
