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
import { PathNotFoundError } from '../storage/driver.ts';
import type { ExchangeObserver, UpstreamExchange } from '../upstream/upstream.ts';
import type { FinishedRequest, RequestTrace } from '../http/v2/request-events.ts';
import { requestAttributes, requestSpanName } from './tracing-attributes.ts';
import { createProvider, type StartTracingOptions } from './tracing-provider.ts';
import type { StorageAction, TracedFill, Tracing } from './tracing.ts';

/** How long a shutdown waits for the collector. Milliseconds. */
const FLUSH_TIMEOUT_MS = 2_000;

/** Work that a request started; it may outlive the request. */
interface Scope {
  isFinished: boolean;
  /** By digest. */
  readonly fills: Map<string, Span>;
}

const SCOPE = createContextKey('work of a request');

/** Spans by OpenTelemetry. Its context is global, so a process has one of these. */
export class OpenTelemetryTracing implements Tracing {
  readonly #provider: NodeTracerProvider;
  readonly #tracer: Tracer;
  readonly #propagateTo: ReadonlySet<string>;

  constructor(config: TracingConfig, options: StartTracingOptions) {
    this.#provider = createProvider(config, options);
    // From here on, every asynchronous call carries a context.
    this.#provider.register();
    this.#tracer = this.#provider.getTracer('layover', options.version);
    this.#propagateTo = new Set(config.propagateTo);
  }

  requestStarted(method: string, headers: IncomingHttpHeaders): RequestTrace {
    // Baggage of clients is not passed on to upstreams.
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
    // A timer keeps the context of the request that set it; its later work is not part of the request.
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
    const isPropagated = this.#propagateTo.has(upstream) && operation !== 'redirect' && operation !== 'token';
    return {
      headers: isPropagated ? headersFor(trace.setSpan(parent, span)) : {},
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
    // The exporter has logged the failure.
    await Promise.race([this.#provider.shutdown().catch(() => undefined), timeout]);
    clearTimeout(timer);
    for (const api of [trace, context, propagation]) api.disable();
  }
}

function scopeOf(active: Context): Scope | undefined {
  return active.getValue(SCOPE) as Scope | undefined;
}

/** The fill while there is one, because it outlives the request. */
function parentOf({ fills }: Scope): Context {
  const [fill] = fills.values();
  return fill ? trace.setSpan(context.active(), fill) : context.active();
}

function headersFor(parent: Context): Record<string, string> {
  const headers: Record<string, string> = {};
  propagation.inject(parent, headers);
  return headers;
}

/** A missing path is a regular result, not a failure. */
function fail(span: Span, error: unknown): void {
  if (error === undefined || error instanceof PathNotFoundError) return;
  span.setAttribute('error.type', error instanceof Error ? error.name : typeof error === 'string' ? error : '_OTHER');
  span.setStatus({ code: SpanStatusCode.ERROR });
}
