export interface TracingConfig {
  /** Where spans are posted to, as OTLP over HTTP. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Of one batch. Milliseconds. */
  readonly timeoutMs: number;
  readonly serviceName: string;
  /** Further attributes of the process, from `OTEL_RESOURCE_ATTRIBUTES`. */
  readonly resource: Readonly<Record<string, string>>;
  /** Share of the traces that are kept; parent-based: whoever sends us a trace decides about it. */
  readonly sampler: { readonly ratio: number; readonly isParentBased: boolean };
  /** Names of the upstreams that are told of the trace. */
  readonly propagateTo: readonly string[];
}
