import type { IncomingMessage } from 'node:http';

type Headers = Readonly<Record<string, readonly string[]>>;

/** Whether `http.headers` allows pages of other origins. */
export function allowsOrigins(configured: Headers): boolean {
  return Object.keys(configured).some((name) => name.toLowerCase() === 'access-control-allow-origin');
}

/**
 * Whether a request is a browser's preflight, which never has credentials.
 *
 * @see https://fetch.spec.whatwg.org/#cors-preflight-request
 */
export function isPreflight({ method, headers }: IncomingMessage): boolean {
  return method === 'OPTIONS' && headers.origin !== undefined && headers['access-control-request-method'] !== undefined;
}
