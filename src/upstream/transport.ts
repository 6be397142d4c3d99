import type { Readable } from 'node:stream';

import type { RequestRate } from '../budget/request-rate.ts';
import type { Permit } from './breaker.ts';
import type { Breakers } from './breakers.ts';
import type { CallScope } from './call-scope.ts';
import type { Connections } from './connections/connections.ts';
import { type RawResponse, type ResponseHeaders, StreamedBody } from './connections/exchange-body.ts';
import { networkFailure } from './network-failure.ts';
import {
  type ObserveExchange,
  UpstreamError,
  type UpstreamEvents,
  type ExchangeObserver,
  type UpstreamOperation,
} from './upstream.ts';

export interface TransportOptions {
  readonly upstream: string;
  readonly connections: Connections;
  readonly breakers: Breakers;
  readonly events: UpstreamEvents;
  readonly observe: ObserveExchange | undefined;
  /** Of requests to each host. @default no limit */
  readonly rate?: RequestRate | undefined;
  readonly timeouts: { readonly headersMs: number; readonly idleMs: number };
  readonly userAgent: string;
}

export interface ExchangeRequest {
  readonly url: URL;
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';
  readonly operation: UpstreamOperation;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array | Readable;
  /** For responses that take longer, as at the end of an upload. Milliseconds. @default the configured timeout */
  readonly headersMs?: number;
  /** 0 for the first attempt of a call. A call that fails three times is one failure of the host. */
  readonly retry: number;
  /** A `GET` of a blob. A 2xx leaves {@link ExchangeResponse.permit} to the caller, which knows whether a body arrives. */
  readonly judgesBody?: boolean;
  /** Those to hosts that the registry named. @default those to the upstream's own hosts */
  readonly connections?: Connections | undefined;
}

export interface ExchangeResponse extends RawResponse {
  readonly url: URL;
  readonly method: string;
  readonly permit: Permit;
}

interface Attempt {
  readonly request: ExchangeRequest;
  readonly permit: Permit;
  readonly scope: CallScope;
  readonly startedAt: number;
  readonly observer: ExchangeObserver | undefined;
}

/** Sends one request to one host and waits for the headers of the response. No credentials, redirects or retries here. */
export class Transport {
  readonly #options: TransportOptions;

  constructor(options: TransportOptions) {
    this.#options = options;
  }

  /** @throws {UpstreamError} `network`, `timeout`, `unavailable` or `protocol`; or the reason the scope ended with */
  async exchange(request: ExchangeRequest, scope: CallScope): Promise<ExchangeResponse> {
    scope.signal.throwIfAborted();
    const { url, method, operation } = request;
    const { upstream, breakers, observe } = this.#options;
    await this.#paced(request, scope);
    const permit = breakers.enter(url.host);
    const observer = observe?.({ upstream, host: url.host, operation, method });
    const startedAt = performance.now();
    try {
      const { status, headers, body } = await this.#send(request, scope, observer);
      this.#report(request, status, startedAt);
      observer?.completed(status);
      judge(permit, status, request);
      return { status, headers, body, url, method, permit };
    } catch (cause) {
      throw this.#failed(cause, { request, permit, scope, startedAt, observer });
    }
  }

  /** A redirect target has other limits than the registry. */
  async #paced({ url, operation }: ExchangeRequest, { signal }: CallScope): Promise<void> {
    const { rate, upstream } = this.#options;
    const tooLongMs = operation === 'redirect' ? undefined : await rate?.take(url.host, signal);
    if (tooLongMs === undefined) return;
    const message = `${upstream}: too many requests wait for ${url.host}`;
    throw new UpstreamError('throttled', message, { upstream, retryAfterMs: tooLongMs });
  }

  #send(request: ExchangeRequest, scope: CallScope, observer: ExchangeObserver | undefined): Promise<RawResponse> {
    const { timeouts, userAgent, connections: own } = this.#options;
    const { url, connections = own, judgesBody, headersMs = timeouts.headersMs } = request;
    const headers = {
      ...observer?.headers,
      ...request.headers,
      'accept-encoding': 'identity',
      'user-agent': userAgent,
    };
    const { signal } = scope;
    const sent =
      judgesBody && connections.blobs
        ? connections.blobs.request({ url, headers, headersMs, idleMs: timeouts.idleMs, signal })
        : this.#sendByUndici({ ...request, headers, headersMs }, connections, signal);
    // An aborted request fails only once it is connected, which is not waited for.
    return scope.race(sent);
  }

  async #sendByUndici(
    { url, method, headers, body, headersMs }: ExchangeRequest,
    connections: Connections,
    signal: AbortSignal,
  ): Promise<RawResponse> {
    const response = await connections.request({
      origin: url.origin,
      path: url.pathname + url.search,
      method,
      headers,
      body: body ?? null,
      signal,
      headersTimeout: headersMs ?? null,
      bodyTimeout: this.#options.timeouts.idleMs,
    });
    return { status: response.statusCode, headers: response.headers, body: new StreamedBody(response.body) };
  }

  #failed(cause: unknown, { request, permit, scope, startedAt, observer }: Attempt) {
    const { upstream } = this.#options;
    const error = scope.signal.aborted ? scope.signal.reason : networkFailure(upstream, request.url.host, cause);
    observer?.completed(error instanceof UpstreamError ? `error:${error.kind}` : 'aborted');
    if (error instanceof UpstreamError) {
      this.#report(request, `error:${error.kind}`, startedAt);
      if (request.retry === 0) permit.fail(error.kind);
    }
    permit.release();
    return error;
  }

  #report(
    { url, method, operation }: ExchangeRequest,
    status: number | `error:${UpstreamError['kind']}`,
    since: number,
  ) {
    const { upstream, events } = this.#options;
    events.exchangeCompleted({
      upstream,
      host: url.host,
      operation,
      method,
      status,
      durationMs: performance.now() - since,
    });
  }
}

/** All values of a header; undefined without one. */
export function headerText(headers: ResponseHeaders, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}

/** A 501 or 429 does not mean that the host is failing. */
function judge(permit: Permit, status: number, { retry, judgesBody }: ExchangeRequest): void {
  if (status < 500 || status === 501) {
    if (!(judgesBody && status >= 200 && status < 300)) permit.succeed();
  } else if (retry === 0) permit.fail(String(status));
  else permit.release();
}
