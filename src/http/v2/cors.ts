import type { IncomingMessage } from 'node:http';

type Headers = Readonly<Record<string, readonly string[]>>;

/** Whether pages of another origin were let in by `http.headers`. */
export function allowsOrigins(configured: Headers): boolean {
  return Object.keys(configured).some((name) => name.toLowerCase() === 'access-control-allow-origin');
}

/**
 * Whether a browser asks if a page may send a request. It never sends credentials with that.
 *
 * @see https://fetch.spec.whatwg.org/#cors-preflight-request
 */
export function isPreflight({ method, headers }: IncomingMessage): boolean {
  return method === 'OPTIONS' && headers.origin !== undefined && headers['access-control-request-method'] !== undefined;
}
