import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { json } from 'node:stream/consumers';

import { StoppableServer } from './stoppable-server.ts';

/** OTLP's, as JSON. */
interface OtlpValue {
  readonly stringValue?: string;
  readonly intValue?: number;
  readonly doubleValue?: number;
  readonly boolValue?: boolean;
}

interface OtlpAttribute {
  readonly key: string;
  readonly value: OtlpValue;
}

interface OtlpSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly OtlpAttribute[];
  readonly status: { readonly code: number };
}

interface OtlpRequest {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly OtlpAttribute[] };
    readonly scopeSpans: readonly { readonly spans: readonly OtlpSpan[] }[];
  }[];
}

export interface CollectedSpan extends Omit<OtlpSpan, 'attributes'> {
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly resource: Readonly<Record<string, unknown>>;
}

/** Takes spans as an OpenTelemetry collector does, by OTLP over HTTP. */
export class TraceCollector implements AsyncDisposable {
  readonly spans: CollectedSpan[] = [];
  readonly requests: { readonly url: string; readonly headers: IncomingHttpHeaders }[] = [];
  /** Batches are read and never answered. */
  hangs = false;
  #server: StoppableServer | undefined;

  static async start(): Promise<TraceCollector> {
    const collector = new TraceCollector();
    collector.#server = await StoppableServer.start((req, res) => void collector.#take(req, res));
    return collector;
  }

  get url(): string {
    return this.#running.url;
  }

  stop(): Promise<void> {
    return this.#running.stop();
  }

  resume(): Promise<void> {
    return this.#running.resume();
  }

  of(traceId: string): CollectedSpan[] {
    return this.spans.filter((span) => span.traceId === traceId);
  }

  /** Names from the span up to the one that has no parent here. */
  ancestry({ traceId, name, parentSpanId }: CollectedSpan): string[] {
    const parent = this.of(traceId).find((span) => span.spanId === parentSpanId);
    return [name, ...(parent ? this.ancestry(parent) : [])];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#running.stop();
  }

  get #running(): StoppableServer {
    if (!this.#server) throw new Error('not started');
    return this.#server;
  }

  async #take(req: IncomingMessage, res: ServerResponse): Promise<void> {
    this.requests.push({ url: req.url ?? '', headers: req.headers });
    const { resourceSpans } = (await json(req)) as OtlpRequest;
    if (this.hangs) return;
    for (const { resource, scopeSpans } of resourceSpans) {
      const spans = scopeSpans.flatMap((scope) => scope.spans);
      const described = valuesOf(resource.attributes);
      this.spans.push(
        ...spans.map((span) => ({ ...span, attributes: valuesOf(span.attributes), resource: described })),
      );
    }
    res.setHeader('content-type', 'application/json').end('{}');
  }
}

function valuesOf(attributes: readonly OtlpAttribute[]): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value as object)[0]]));
}
