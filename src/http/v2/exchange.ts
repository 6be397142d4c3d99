import { randomUUID } from 'node:crypto';
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';

import { ANONYMOUS, type Identity } from '../../auth/identity.ts';
import type { Digest } from '../../oci/digest.ts';
import type { RegistryError } from '../../oci/errors.ts';
import type { OciRequestKind } from '../../oci/request.ts';
import type { CallOptions, Outcome, Served } from '../../registry/registry.ts';
import type { Target } from '../../pull-through/router.ts';
import type { NamedBy } from '../../registry/named-by.ts';
import type { Client } from '../client/client-address.ts';
import { SecurityHeaders } from '../listen/security-headers.ts';
import type {
  FinishedRequest,
  RecordedError,
  RequestEvents,
  RequestHandlerName,
  RequestTrace,
} from './request-events.ts';
import { clientSignal } from './client-signal.ts';

const HANDLER_NAMES: Readonly<Record<OciRequestKind, RequestHandlerName>> = {
  ping: 'ping',
  'list-repositories': 'catalog',
  'list-tags': 'tags',
  'get-manifest': 'manifest',
  'head-manifest': 'manifest',
  'get-blob': 'blob',
  'head-blob': 'blob',
  'list-referrers': 'referrers',
  'start-upload': 'blob_upload',
  'get-upload': 'blob_upload_chunk',
  'append-upload': 'blob_upload_chunk',
  'finish-upload': 'blob_upload_chunk',
  'cancel-upload': 'blob_upload_chunk',
  'delete-blob': 'blob',
  'put-manifest': 'manifest',
  'delete-manifest': 'manifest',
  'list-methods': 'other',
};

const DEFAULT_SECURITY = new SecurityHeaders({});

const PROTOCOLS: Readonly<Record<string, string>> = { '1.0': 'HTTP/1.0', '1.1': 'HTTP/1.1', '2.0': 'HTTP/2.0' };

export interface ExchangeOptions {
  /** Path and query. */
  readonly target: string;
  readonly client: Client;
  readonly events: RequestEvents;
  /** @default all of them */
  readonly security?: SecurityHeaders;
}

/** One request with its response, and the facts that are recorded afterwards. */
export class Exchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  /** Path and query, with single slashes in the path. */
  readonly target: string;
  readonly client: Client;
  /** In log lines and events. */
  readonly id = randomUUID();
  /** Anonymous until the request is authenticated. */
  identity: Identity = ANONYMOUS;
  /** As the client has sent it: routers change that of the request. */
  readonly #url: string;
  readonly #events: RequestEvents;
  readonly #security: SecurityHeaders;
  /** Milliseconds of `performance.now`. */
  readonly startedAt = performance.now();
  #signal: AbortSignal | undefined;
  #onServed: ((outcome: Outcome) => void) | undefined;
  #trace: RequestTrace | undefined;
  /** Absent until the request is parsed. */
  #handler: RequestHandlerName | undefined;
  #repository: string | undefined;
  #reference: string | undefined;
  #sourceHost: string | undefined;
  #namedBy: NamedBy | undefined;
  #stored: string | undefined;
  #digest: Digest | undefined;
  #outcome: Outcome = 'BYPASS';
  #upstream: string | undefined;
  #upstreamMs: number | undefined;
  #isPrivate = false;
  #error: RegistryError | undefined;
  /** Of the content that is served. */
  #headers: Readonly<Record<string, string>> | undefined;
  #bytes = 0;

  constructor(req: IncomingMessage, res: ServerResponse, options: ExchangeOptions) {
    const { target, client, events, security = DEFAULT_SECURITY } = options;
    this.req = req;
    this.res = res;
    this.#url = req.url ?? '';
    this.target = target;
    this.client = client;
    this.#events = events;
    this.#security = security;
    res.on('close', () => this.#finish());
  }

  /** Aborts when the client disconnects before the response is complete. Created at its first use, which a warm pull does not need. */
  get signal(): AbortSignal {
    return (this.#signal ??= clientSignal(this.res));
  }

  /** For calls that continue without the client. Its identity, else its address, which is absent on a unix socket. */
  get callOptions(): Pick<CallOptions, 'caller'> {
    return { caller: this.identity.name || this.client.address };
  }

  /** Calls `work` within the request's trace, when tracing is on. */
  run<T>(work: () => T): T {
    const { tracing } = this.#events;
    if (!tracing) return work();
    this.#trace = tracing.requestStarted(this.req.method ?? '', this.req.headers);
    return this.#trace.run(work);
  }

  /** The request is parsed. */
  parsed(kind: OciRequestKind, repository?: string, reference?: string): void {
    this.#handler = HANDLER_NAMES[kind];
    this.#repository = repository;
    this.#reference = reference;
    this.#events.requestStarted(this.#handler);
  }

  /** The registry of its repository is known. */
  routed({ sourceHost, storedAs, namedBy }: Pick<Target, 'sourceHost' | 'storedAs' | 'namedBy'>): void {
    this.#sourceHost = sourceHost;
    this.#namedBy = namedBy;
    this.#stored = storedAs;
  }

  served(served: Served<{ readonly digest?: Digest }>): void {
    const { outcome, upstream, upstreamMs, digest, headers, isPrivate = false } = served;
    this.#headers = headers;
    this.#outcome = outcome;
    this.#isPrivate = isPrivate;
    this.#digest = digest;
    this.#upstream = upstream;
    this.#upstreamMs = upstreamMs;
    this.#onServed?.(outcome);
  }

  /** Calls `listener` when the content of the response is found, before it is sent. */
  whenServed(listener: (outcome: Outcome) => void): void {
    this.#onServed = listener;
  }

  failed(error: RegistryError): void {
    this.#error = error;
    if (this.#outcome === 'BYPASS' && this.#sourceHost !== undefined) this.#outcome = 'MISS';
  }

  /** Adds body bytes that were passed to the socket. */
  sent(bytes: number): void {
    this.#bytes += bytes;
  }

  /** Headers of every response of the registry, in a new object for the caller to add to. */
  commonHeaders(): OutgoingHttpHeaders {
    const headers: OutgoingHttpHeaders = {
      'docker-distribution-api-version': 'registry/2.0',
      'x-cache': this.#outcome,
    };
    this.#security.addTo(headers, this.req.headers);
    if (this.#sourceHost !== undefined) headers['oci-namespace'] = this.#sourceHost;
    if (this.#isPrivate) headers['cache-control'] = 'private, no-store';
    // RFC 9111 no longer defines it, but clients log it, and no other header marks a stale response.
    if (this.#outcome === 'STALE') headers['warning'] = '110 - "Response is Stale"';
    return this.#headers ? withMore(headers, this.#headers) : headers;
  }

  #finish(): void {
    const { req, res } = this;
    const aborted = !res.writableFinished;
    const handler = this.#handler ?? 'other';
    const type = handler === 'manifest' || handler === 'blob' ? handler : undefined;
    if (type && this.#upstream !== undefined && req.method === 'GET') {
      this.#events.cache.served({
        upstream: this.#upstream,
        type,
        outcome: this.#outcome,
        bytes: this.#bytes,
        isFromUpstream: this.#upstreamMs !== undefined,
      });
    }
    if (this.#handler === undefined) this.#events.requestStarted(handler);
    const finished: FinishedRequest = {
      requestId: this.id,
      traceId: this.#trace?.id,
      client: this.client.name,
      address: this.client.address,
      userAgent: req.headers['user-agent'],
      user: this.identity.name,
      protocol: PROTOCOLS[req.httpVersion] ?? `HTTP/${req.httpVersion}`,
      method: req.method ?? '',
      url: this.#url,
      handler,
      repository: this.#repository,
      reference: this.#reference,
      stored: this.#stored,
      namedBy: this.#namedBy,
      digest: this.#digest,
      // nginx's status for a client that disconnected before it got a response
      status: aborted && !res.headersSent ? 499 : res.statusCode,
      bytes: this.#bytes,
      durationMs: performance.now() - this.startedAt,
      outcome: this.#outcome,
      upstream: this.#upstream ?? this.#sourceHost,
      upstreamMs: this.#upstreamMs,
      error: this.#error && recordedError(this.#error),
      aborted,
    };
    this.#events.requestFinished(finished);
    this.#trace?.finished(finished);
  }
}

/** A header that is there already gets a second value. */
function withMore(headers: OutgoingHttpHeaders, more: Readonly<Record<string, string>>): OutgoingHttpHeaders {
  for (const [name, value] of Object.entries(more)) {
    const before = headers[name];
    headers[name] = before === undefined ? value : [String(before), value];
  }
  return headers;
}

function recordedError({ code, message, options: { detail } }: RegistryError): RecordedError {
  if (typeof detail !== 'object' || detail === null) return { code, message };
  if ('policy' in detail && typeof detail.policy === 'string') return { code, message, from: detail.policy };
  return 'upstream' in detail ? { code, message, from: 'upstream' } : { code, message };
}

/** Records a request outside the registry's API: it is logged and counted like the others. */
export function recordExchange(
  req: IncomingMessage,
  res: ServerResponse,
  options: Pick<ExchangeOptions, 'client' | 'events'>,
): Exchange {
  return new Exchange(req, res, { target: req.url ?? '', ...options });
}
