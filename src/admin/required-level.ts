import type { Level } from '../sign-in/rights.ts';

/** What every client that may pull anything may read: the other calls show clients, upstreams or the configuration. */
const VIEWED: readonly RegExp[] = [
  /^\/status$/,
  /^\/history$/,
  /^\/repositories(?:\/|$)/,
  /^\/manifest$/,
  /^\/referrers$/,
  /^\/layer$/,
  /^\/setup$/,
  /^\/openapi\.json$/,
  /^\/verify\/[^/]+$/,
];

/** Links that signed-in clients make for others. */
const LINKS_PATH = '/session/links';

/** @param path below that of the admin API */
export function requiredLevel(method: string | undefined, path: string): Level {
  if (path !== LINKS_PATH && /^\/session(?:\/|$)/.test(path)) return 'none';
  if (method !== 'GET' && method !== 'HEAD') return 'admin';
  return VIEWED.some((pattern) => pattern.test(path)) ? 'viewer' : 'reader';
}
