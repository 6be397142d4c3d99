import { readFileSync } from 'node:fs';
import { rootCertificates } from 'node:tls';

import { Agent, type Dispatcher, EnvHttpProxyAgent, request } from 'undici';

import { http } from '../builtin/http.ts';
import type { NotificationEndpointConfig } from '../config/config.ts';
import { EVENTS_MEDIA_TYPE } from './envelope.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** The response of a receiver. */
export interface SinkResponse {
  /** Such as `200 OK`: distribution's label. */
  readonly status: string;
  readonly isAccepted: boolean;
}

/** A receiver of one event at a time. */
export interface Sink {
  /** @throws {PostTimeoutError} without a response in time; or the network's error */
  post(body: string, signal: AbortSignal): Promise<SinkResponse>;
  close(): Promise<void>;
}

export class PostTimeoutError extends Error {
  override readonly name = 'PostTimeoutError';
}

export interface HttpSinkOptions {
  readonly endpoint: NotificationEndpointConfig;
  readonly env: Environment;
  readonly userAgent: string;
}

/** @throws when the file of CAs cannot be read */
export function createHttpSink({ endpoint, env, userAgent }: HttpSinkOptions): Sink {
  const createDispatcher = dispatcherFor(endpoint, env);
  let dispatcher = createDispatcher();
  const { url, authorization } = splitCredentials(endpoint.url);
  const headers = {
    'user-agent': userAgent,
    'content-type': EVENTS_MEDIA_TYPE,
    ...(authorization !== undefined && { authorization }),
    ...lowerCased(endpoint.headers),
  };
  /** A proxy that does not respond to CONNECT blocks an aborted request, and all requests after it. */
  const reconnect = () => {
    void dispatcher.destroy().catch(() => {});
    dispatcher = createDispatcher();
  };
  return {
    async post(body, signal) {
      using limit = new PostLimit(signal, endpoint.timeoutMs);
      try {
        const requested = request(url, { method: 'POST', headers, body, dispatcher, signal: limit.signal });
        const response = await Promise.race([requested, limit.reached]);
        // Only the status counts, but the body has to be read before the connection can be reused.
        const read = response.body.dump({ limit: MAX_RESPONSE_BYTES });
        await Promise.race([read, limit.reached]).catch(reconnect);
        return toSinkResponse(response.statusCode);
      } catch (err) {
        reconnect();
        throw err;
      }
    },
    close: () => dispatcher.destroy(),
  };
}

/** Accepted like in distribution. Redirects are not followed, because the headers may contain secrets. */
function toSinkResponse(statusCode: number): SinkResponse {
  const status = `${statusCode} ${http.STATUS_CODES[statusCode] ?? ''}`.trim();
  return { status, isAccepted: statusCode >= 200 && statusCode < 400 };
}

/** Ends one request after its timeout, or when the outer signal aborts. `AbortSignal.any` would leak on the long-lived outer signal. */
class PostLimit {
  readonly #controller = new AbortController();
  readonly #outer: AbortSignal;
  readonly #timer: NodeJS.Timeout;
  /** Rejects with the reason; never resolves. */
  readonly reached: Promise<never>;

  constructor(outer: AbortSignal, timeoutMs: number) {
    const { signal } = this.#controller;
    this.#outer = outer;
    this.#timer = setTimeout(() => this.#controller.abort(new PostTimeoutError('no response in time')), timeoutMs);
    this.reached = new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    });
    this.reached.catch(() => {}); // the response may have arrived before
    outer.addEventListener('abort', this.#abort, { once: true });
    if (outer.aborted) this.#abort();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#outer.removeEventListener('abort', this.#abort);
  }

  readonly #abort = () => this.#controller.abort(this.#outer.reason);
}

/** A longer response closes its connection. */
const MAX_RESPONSE_BYTES = 64 * 1024;

/** One connection is enough: one event is sent at a time. */
function dispatcherFor({ caFile }: NotificationEndpointConfig, env: Environment): () => Dispatcher {
  const tls = caFile === undefined ? {} : { ca: [...rootCertificates, readFileSync(caFile, 'utf8')] };
  const options = { connections: 1, allowH2: false, connect: tls };
  const httpProxy = env.http_proxy ?? env.HTTP_PROXY ?? '';
  const httpsProxy = env.https_proxy ?? env.HTTPS_PROXY ?? '';
  if (!httpProxy && !httpsProxy) return () => new Agent(options);
  const noProxy = env.no_proxy ?? env.NO_PROXY ?? '';
  const proxies = { httpProxy, httpsProxy, noProxy };
  // Many proxies refuse CONNECT to port 80, so plain HTTP goes through in absolute form (RFC 9112 section 3.2.2).
  return () => new EnvHttpProxyAgent({ ...options, requestTls: tls, ...proxies, proxyTunnel: false });
}

/** Credentials in a URL are sent as a header only. */
function splitCredentials(text: string): { url: URL; authorization: string | undefined } {
  const url = new URL(text);
  if (url.username === '' && url.password === '') return { url, authorization: undefined };
  const credentials = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  url.username = '';
  url.password = '';
  return { url, authorization: `Basic ${Buffer.from(credentials).toString('base64')}` };
}

function lowerCased(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}
