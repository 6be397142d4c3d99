import type { IncomingHttpHeaders } from 'node:http';

import {
  type Context,
  context,
  createContextKey,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
  type Tracer,
} from '@opentelemetry/api';
import type { NodeTracerProvider } from '@opentelemetry/sdk-trace-node';

import type { TracingConfig } from '../config/config.ts';
import type { UpstreamExchange, ExchangeObserver } from '../upstream/upstream.ts';
import type { FinishedRequest, RequestTrace } from '../http/v2/request-events.ts';
import { requestAttributes, requestSpanName } from './tracing-attributes.ts';
import { createProvider, type StartTracingOptions } from './tracing-provider.ts';
import type { StorageAction, TracedFill, Tracing } from './tracing.ts';

/** How long the end of the process waits for the collector. Milliseconds. */
const FLUSH_TIMEOUT_MS = 2_000;

/** What a request began, which may go on after it has ended. */
interface Scope {
  isFinished: boolean;
  /** By digest. */
  readonly fills: Map<string, Span>;
}

const SCOPE = createContextKey('what a request began');

/** Spans by OpenTelemetry, in its own global context: there is one of these in a process. */
export class OpenTelemetryTracing implements Tracing {
  readonly #provider: NodeTracerProvider;
  readonly #tracer: Tracer;
  readonly #propagateTo: ReadonlySet<string>;

  constructor(config: TracingConfig, options: StartTracingOptions) {
    this.#provider = createProvider(config, options);
    // With this, and not before, every asynchronous call carries a context along.
    this.#provider.register();
    this.#tracer = this.#provider.getTracer('layover', options.version);
    this.#propagateTo = new Set(config.propagateTo);
  }

  requestStarted(method: string, headers: IncomingHttpHeaders): RequestTrace {
    // What else a client sends along is for nobody behind us.
    const parent = propagation.deleteBaggage(propagation.extract(ROOT_CONTEXT, headers));
    const span = this.#tracer.startSpan(method, { kind: SpanKind.SERVER }, parent);
    const scope: Scope = { isFinished: false, fills: new Map() };
    const within = trace.setSpan(parent, span).setValue(SCOPE, scope);
    return {
      id: span.spanContext().traceId,
      run: (work) => context.with(within, work),
      finished(request: FinishedRequest) {
        scope.isFinished = true;
        if (!span.isRecording()) return;
        span.updateName(requestSpanName(request)).setAttributes(requestAttributes(request));
        if (request.status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
        span.end();
      },
    };
  }

  storageAction({ driver, action, path, durationMs, error }: StorageAction): void {
    const scope = scopeOf(context.active());
    // A timer that a request has set carries its context for good; what it does then is no part of the request.
    if (!scope || (scope.isFinished && scope.fills.size === 0)) return;
    const endedAt = Date.now();
    const span = this.#tracer.startSpan(
      `storage ${action}`,
      {
        startTime: endedAt - durationMs,
        attributes: { 'io.cncf.distribution.storage.driver.name': driver, 'io.cncf.distribution.storage.path': path },
      },
      parentOf(scope),
    );
    fail(span, error);
    span.end(endedAt);
  }

  readonly followUpstream = ({ upstream, host, operation, method }: UpstreamExchange): ExchangeObserver | undefined => {
    const scope = scopeOf(context.active());
    if (!scope) return undefined;
    const parent = parentOf(scope);
    const attributes = {
      'http.request.method': method,
      'server.address': host,
      'layover.upstream': upstream,
      'layover.upstream.operation': operation,
    };
    const span = this.#tracer.startSpan(`upstream ${operation}`, { kind: SpanKind.CLIENT, attributes }, parent);
    const isTold = this.#propagateTo.has(upstream) && operation !== 'redirect' && operation !== 'token';
    return {
      headers: isTold ? headersFor(trace.setSpan(parent, span)) : {},
      completed(status) {
        if (typeof status === 'number') span.setAttribute('http.response.status_code', status);
        if (typeof status !== 'number' || status >= 400) span.setAttribute('error.type', String(status));
        if (typeof status !== 'number' || status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
        span.end();
      },
    };
  };

  fillStarted({ upstream, repository, digest }: TracedFill): void {
    const scope = scopeOf(context.active());
    if (!scope) return;
    const attributes = {
      'layover.upstream': upstream,
      'layover.repository': repository,
      'layover.reference': digest,
    };
    scope.fills.set(digest, this.#tracer.startSpan('fill', { attributes }, context.active()));
  }

  fillEnded({ digest, bytes }: TracedFill, failure?: string): void {
    const fills = scopeOf(context.active())?.fills;
    const span = fills?.get(digest);
    if (!span) return;
    fills?.delete(digest);
    if (bytes !== undefined) span.setAttribute('layover.bytes', bytes);
    fail(span, failure);
    span.end();
  }

  async stop(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, FLUSH_TIMEOUT_MS);
    });
    // What could not be sent has been told by the exporter.
    await Promise.race([this.#provider.shutdown().catch(() => undefined), timeout]);
    clearTimeout(timer);
    for (const api of [trace, context, propagation]) api.disable();
  }
}

function scopeOf(active: Context): Scope | undefined {
  return active.getValue(SCOPE) as Scope | undefined;
}

/** The fill, while there is one, which outlives the request. */
function parentOf({ fills }: Scope): Context {
  const [fill] = fills.values();
  return fill ? trace.setSpan(context.active(), fill) : context.active();
}

function headersFor(parent: Context): Record<string, string> {
  const headers: Record<string, string> = {};
  propagation.inject(parent, headers);
  return headers;
}

/** That there is nothing at a path is an answer. */
function fail(span: Span, error: unknown): void {
  if (error === undefined || (error instanceof Error && error.name === 'PathNotFoundError')) return;
  span.setAttribute('error.type', error instanceof Error ? error.name : typeof error === 'string' ? error : '_OTHER');
  span.setStatus({ code: SpanStatusCode.ERROR });
}
