import { readFileSync } from 'node:fs';
import { STATUS_CODES } from 'node:http';
import { rootCertificates } from 'node:tls';

import { Agent, type Dispatcher, EnvHttpProxyAgent, request } from 'undici';

import type { NotificationEndpointConfig } from '../config/config.ts';
import { EVENTS_MEDIA_TYPE } from './envelope.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** What a receiver answered: such as `200 OK`, as distribution counts it. */
export interface SinkResponse {
  readonly status: string;
  readonly isAccepted: boolean;
}

/** Somebody who takes one event at a time. */
export interface Sink {
  /** @throws {PostTimeoutError} when there was no answer in time; or what the network says */
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

/** @throws when the file of CAs can not be read */
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
  /** A proxy that does not answer CONNECT holds a request that was aborted, and all behind it. */
  const startAnew = () => {
    void dispatcher.destroy().catch(() => {});
    dispatcher = createDispatcher();
  };
  return {
    async post(body, signal) {
      using limit = new PostLimit(signal, endpoint.timeoutMs);
      try {
        const asked = request(url, { method: 'POST', headers, body, dispatcher, signal: limit.signal });
        const answer = await Promise.race([asked, limit.reached]);
        // The status says it all. As little as there is to read, it has to be read for the connection to be used again.
        const read = answer.body.dump({ limit: MAX_ANSWER_BYTES });
        await Promise.race([read, limit.reached]).catch(startAnew);
        return answerOf(answer.statusCode);
      } catch (err) {
        startAnew();
        throw err;
      }
    },
    close: () => dispatcher.destroy(),
  };
}

/** As distribution; a redirect is not followed, which would show the headers to somebody else. */
function answerOf(statusCode: number): SinkResponse {
  const status = `${statusCode} ${STATUS_CODES[statusCode] ?? ''}`.trim();
  return { status, isAccepted: statusCode >= 200 && statusCode < 400 };
}

/** Ends one post after a time, or with everything. `AbortSignal.any` would leave something behind on the signal that lives on. */
class PostLimit {
  readonly #controller = new AbortController();
  readonly #outer: AbortSignal;
  readonly #timer: NodeJS.Timeout;
  /** Rejects with the reason; never resolves. */
  readonly reached: Promise<never>;

  constructor(outer: AbortSignal, timeoutMs: number) {
    const { signal } = this.#controller;
    this.#outer = outer;
    this.#timer = setTimeout(() => this.#controller.abort(new PostTimeoutError('no answer in time')), timeoutMs);
    this.reached = new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    });
    this.reached.catch(() => {}); // the answer may have been there just before
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

/** More than this of an answer costs its connection. */
const MAX_ANSWER_BYTES = 64 * 1024;

/** One connection, as one event is sent at a time. */
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

/** Credentials in a URL are sent as a header, and appear nowhere else. */
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
