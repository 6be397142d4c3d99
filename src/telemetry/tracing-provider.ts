import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { defaultResource, resourceFromAttributes } from '@opentelemetry/resources';
import {
  BatchSpanProcessor,
  NodeTracerProvider,
  ParentBasedSampler,
  type ReadableSpan,
  type Sampler,
  type SpanExporter,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace-node';

import type { TracingConfig } from '../config/config.ts';
import type { Log } from './log.ts';
import { redactUrl } from './redact-url.ts';

export interface StartTracingOptions {
  readonly log: Log;
  readonly version: string;
}

type ExportResult = Parameters<Parameters<SpanExporter['export']>[1]>[0];

/** Spans wait in a bounded queue and are dropped when it is full: no request waits for the collector. */
export function createProvider(config: TracingConfig, { log, version }: StartTracingOptions): NodeTracerProvider {
  const { url, headers, timeoutMs, serviceName, resource } = config;
  const exporter = new OTLPTraceExporter({ url, headers: { ...headers }, timeoutMillis: timeoutMs });
  return new NodeTracerProvider({
    resource: defaultResource().merge(
      resourceFromAttributes({ ...resource, 'service.name': serviceName, 'service.version': version }),
    ),
    sampler: createSampler(config.sampler),
    spanProcessors: [new BatchSpanProcessor(new ReportingExporter(exporter, redactUrl(url), log))],
  });
}

function createSampler({ ratio, isParentBased }: TracingConfig['sampler']): Sampler {
  const root = new TraceIdRatioBasedSampler(ratio);
  return isParentBased ? new ParentBasedSampler({ root }) : root;
}

/** Logs once when the collector fails, and once when it works again. */
class ReportingExporter implements SpanExporter {
  readonly #exporter: SpanExporter;
  readonly #url: string;
  readonly #log: Log;
  #isFailing = false;
  #lost = 0;

  constructor(exporter: SpanExporter, url: string, log: Log) {
    this.#exporter = exporter;
    this.#url = url;
    this.#log = log;
  }

  export(spans: ReadableSpan[], onResult: (result: ExportResult) => void): void {
    this.#exporter.export(spans, (result) => {
      this.#note(result, spans.length);
      onResult(result);
    });
  }

  shutdown(): Promise<void> {
    return this.#exporter.shutdown();
  }

  async forceFlush(): Promise<void> {
    await this.#exporter.forceFlush?.();
  }

  #note({ error }: ExportResult, spans: number): void {
    if (error === undefined) {
      if (this.#isFailing) this.#log.info({ collector: this.#url, lost: this.#lost }, 'trace export resumed');
      this.#isFailing = false;
      this.#lost = 0;
      return;
    }
    this.#lost += spans;
    if (!this.#isFailing) this.#log.warn({ collector: this.#url, reason: error.message }, 'trace export failed');
    this.#isFailing = true;
  }
}
