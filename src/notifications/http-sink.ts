import { readFileSync } from 'node:fs';
import { STATUS_CODES } from 'node:http';
import { rootCertificates } from 'node:tls';

import { Agent, type Dispatcher, EnvHttpProxyAgent, request } from 'undici';

import type { NotificationEndpointConfig } from '../config/config.ts';
import { EVENTS_MEDIA_TYPE } from './envelope.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** What a receiver answered: such as `200 OK`, as distribution counts it. */
export interface SinkAnswer {
  readonly status: string;
  readonly isAccepted: boolean;
}

/** Somebody who takes one event at a time. */
export interface Sink {
  /** @throws when there was no answer in time */
  post(body: string, signal: AbortSignal): Promise<SinkAnswer>;
  close(): Promise<void>;
}

export interface HttpSinkOptions {
  readonly endpoint: NotificationEndpointConfig;
  readonly env: Environment;
  readonly userAgent: string;
}

/** @throws when the file of CAs can not be read */
export function createHttpSink({ endpoint, env, userAgent }: HttpSinkOptions): Sink {
  const dispatcher = createDispatcher(endpoint, env);
  const { url, authorization } = splitCredentials(endpoint.url);
  const headers = {
    'user-agent': userAgent,
    'content-type': EVENTS_MEDIA_TYPE,
    ...(authorization !== undefined && { authorization }),
    ...lowerCased(endpoint.headers),
  };
  return {
    async post(body, signal) {
      const timeout = AbortSignal.timeout(endpoint.timeoutMs);
      const answer = await request(url, {
        method: 'POST',
        headers,
        body,
        dispatcher,
        signal: AbortSignal.any([signal, timeout]),
      });
      await answer.body.dump({ limit: MAX_ANSWER_BYTES }).catch(() => {}); // the status says it all
      const { statusCode } = answer;
      // As distribution; a redirect is not followed, which would show the headers to somebody else.
      const isAccepted = statusCode >= 200 && statusCode < 400;
      return { status: `${statusCode} ${STATUS_CODES[statusCode] ?? ''}`.trim(), isAccepted };
    },
    close: () => dispatcher.destroy(),
  };
}

/** More than this of an answer costs its connection. */
const MAX_ANSWER_BYTES = 64 * 1024;

/** One connection, as one event is sent at a time. */
function createDispatcher({ caFile }: NotificationEndpointConfig, env: Environment): Dispatcher {
  const tls = caFile === undefined ? {} : { ca: [...rootCertificates, readFileSync(caFile, 'utf8')] };
  const options = { connections: 1, allowH2: false, connect: tls };
  const httpProxy = env.http_proxy ?? env.HTTP_PROXY ?? '';
  const httpsProxy = env.https_proxy ?? env.HTTPS_PROXY ?? '';
  if (!httpProxy && !httpsProxy) return new Agent(options);
  const noProxy = env.no_proxy ?? env.NO_PROXY ?? '';
  return new EnvHttpProxyAgent({ ...options, requestTls: tls, httpProxy, httpsProxy, noProxy });
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
