import { isDeepStrictEqual } from 'node:util';

import type { Config } from '../config/config.ts';

/** What of a new configuration takes effect without a restart. */
export interface ReloadPlan {
  /** The configuration in use, with what takes effect. */
  readonly config: Config;
  /** Changed keys that need a restart. */
  readonly restart: readonly string[];
}

/** Fields of `http` that are used by parts that stay, and their keys. */
const KEPT_HTTP = {
  listen: 'http.addr',
  workers: 'http.workers',
  secret: 'http.secret',
  socketMode: 'http.socketmode',
  debug: 'http.debug',
} as const;

/** Limits that are counted where connections are accepted, or checked where content is stored. */
const KEPT_LIMITS = {
  maxConnections: 'http.limits.maxconnections',
  maxConnectionsPerClient: 'http.limits.maxconnectionsperclient',
  maxBlobBytes: 'http.limits.maxblobsize',
} as const;

/** Sections whose parts are created again. */
const RELOADED: readonly string[] = ['http', 'auth'];

/** `http` and `auth` take effect, without the keys that other parts of the service depend on. */
export function planReload(current: Config, next: Config): ReloadPlan {
  const sections = (Object.keys(next) as (keyof Config)[]).filter((section) => !RELOADED.includes(section));
  return {
    config: { ...current, auth: next.auth, http: keepHttp(current.http, next.http) },
    restart: [
      ...changedKeys(current.http, next.http, KEPT_HTTP),
      ...changedKeys(current.http.limits, next.http.limits, KEPT_LIMITS),
      ...sections.filter((section) => !isDeepStrictEqual(current[section], next[section])),
    ],
  };
}

function keepHttp(current: Config['http'], next: Config['http']): Config['http'] {
  return { ...next, ...pick(current, KEPT_HTTP), limits: { ...next.limits, ...pick(current.limits, KEPT_LIMITS) } };
}

function pick<T extends object, K extends keyof T>(from: T, kept: Readonly<Record<K, string>>): Pick<T, K> {
  return Object.fromEntries(Object.keys(kept).map((field) => [field, from[field as K]])) as Pick<T, K>;
}

function changedKeys<T extends object>(current: T, next: T, kept: Partial<Record<keyof T, string>>): string[] {
  return Object.entries(kept).flatMap(([field, key]) =>
    isDeepStrictEqual(current[field as keyof T], next[field as keyof T]) ? [] : [key as string],
  );
}
