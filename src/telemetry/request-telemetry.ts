import type { FinishedRequest, RequestHandlerName } from '../http/v2/request-events.ts';
import { formatDuration } from './log-fields.ts';
import type { Log } from './log.ts';
import type { Cell, HistogramCell } from './metric-family.ts';
import type { Metrics } from './metrics.ts';
import { RecentClients } from './recent-clients.ts';
import { redactUrl } from './redact-url.ts';
import { statusLabel } from './status-label.ts';

export interface RequestTelemetryOptions {
  readonly log: Log;
  readonly metrics: Metrics;
  /** One line per request. Without it, only server errors (5xx) are logged. */
  readonly accessLog: boolean;
  /** Milliseconds. */
  readonly now: () => number;
}

/** One line and a few counts per request. It runs on every cache hit, so it looks its cells up once and adds numbers. */
export class RequestTelemetry {
  readonly #log: Log;
  readonly #metrics: Metrics;
  readonly #accessLog: boolean;
  readonly #clients: RecentClients;
  readonly #byHandler = new Map<RequestHandlerName, HandlerCells>();

  constructor({ log, metrics, accessLog, now }: RequestTelemetryOptions) {
    this.#log = log;
    this.#metrics = metrics;
    this.#accessLog = accessLog;
    this.#clients = new RecentClients(now);
    metrics.clients.measure(() => this.#clients.count());
  }

  /** Each call is followed by exactly one {@link finished} with the same handler. */
  started(handler: RequestHandlerName): void {
    this.#cells(handler).inFlight.value++;
  }

  /** @param address of a client. Absent on a unix socket */
  clientSeen(address: string | undefined): void {
    if (address !== undefined) this.#clients.saw(address);
  }

  finished(request: FinishedRequest): void {
    const cells = this.#cells(request.handler);
    cells.inFlight.value--;
    this.clientSeen(request.address);
    cells.requestSize.observe(request.requestBytes ?? 0);
    cells.responseSize.observe(request.bytes);
    const method = cells.method(request.method);
    method.duration.observe(request.durationMs / 1000);
    method.status(request.status).value++;
    this.#write(request);
  }

  #write(request: FinishedRequest): void {
    const { error } = request;
    if (request.status >= 500) this.#log.error(requestFields(request), 'response completed with error');
    else if (this.#accessLog) {
      this.#log.info(requestFields(request), error ? 'response completed with error' : 'response completed');
    }
  }

  #cells(handler: RequestHandlerName): HandlerCells {
    let cells = this.#byHandler.get(handler);
    if (cells === undefined) {
      cells = new HandlerCells(this.#metrics, HANDLER_LABEL[handler]);
      this.#byHandler.set(handler, cells);
    }
    return cells;
  }
}

/** Distribution's names: it calls the handler of `/v2/` `base`. */
const HANDLER_LABEL: Readonly<Record<RequestHandlerName, string>> = {
  ping: 'base',
  manifest: 'manifest',
  blob: 'blob',
  blob_upload: 'blob_upload',
  blob_upload_chunk: 'blob_upload_chunk',
  tags: 'tags',
  catalog: 'catalog',
  referrers: 'referrers',
  other: 'other',
};

/** A client may send any of three dozen methods; unsupported ones share one label. */
const METHOD_LABEL = new Map(
  ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'].map((method) => [method, method.toLowerCase()]),
);

class HandlerCells {
  readonly #metrics: Metrics;
  readonly #handler: string;
  readonly #byMethod = new Map<string, MethodCells>();
  readonly inFlight: Cell;
  readonly requestSize: HistogramCell;
  readonly responseSize: HistogramCell;

  constructor(metrics: Metrics, handler: string) {
    this.#metrics = metrics;
    this.#handler = handler;
    this.inFlight = metrics.httpInFlight.at(handler);
    this.requestSize = metrics.httpRequestSize.at(handler);
    this.responseSize = metrics.httpResponseSize.at(handler);
  }

  method(method: string): MethodCells {
    const label = METHOD_LABEL.get(method) ?? 'other';
    let cells = this.#byMethod.get(label);
    if (cells === undefined) {
      cells = new MethodCells(this.#metrics, this.#handler, label);
      this.#byMethod.set(label, cells);
    }
    return cells;
  }
}

class MethodCells {
  readonly #metrics: Metrics;
  readonly #handler: string;
  readonly #method: string;
  readonly #byStatus = new Map<number, Cell>();
  readonly duration: HistogramCell;

  constructor(metrics: Metrics, handler: string, method: string) {
    this.#metrics = metrics;
    this.#handler = handler;
    this.#method = method;
    this.duration = metrics.httpDuration.at(handler, method);
  }

  status(status: number): Cell {
    let cell = this.#byStatus.get(status);
    if (cell === undefined) {
      cell = this.#metrics.httpRequests.at(this.#handler, this.#method, statusLabel(status));
      this.#byStatus.set(status, cell);
    }
    return cell;
  }
}

/** Distribution's names where it has them, in its (alphabetical) order. */
function requestFields(request: FinishedRequest) {
  return {
    'auth.user.name': request.user || undefined,
    cache: request.outcome,
    'err.code': request.error?.code,
    'err.message': request.error?.message,
    'http.request.id': request.requestId,
    'http.request.method': request.method,
    'http.request.proto': request.protocol,
    'http.request.remoteaddr': request.client,
    'http.request.uri': redactUrl(request.url),
    'http.request.useragent': request.userAgent,
    'http.response.aborted': request.aborted ? true : undefined,
    'http.response.duration': formatDuration(request.durationMs),
    'http.response.status': request.status,
    'http.response.written': request.bytes,
    trace_id: request.traceId,
    upstream: request.upstream,
    'upstream.duration': request.upstreamMs === undefined ? undefined : formatDuration(request.upstreamMs),
    'vars.name': request.repository,
    'vars.reference': request.reference,
  };
}
