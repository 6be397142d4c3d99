import type { Environment } from './environment.ts';
import { tracingDefaults, type TracingSection } from './schema/tracing.ts';
import { parseHttpUrl } from './units.ts';

/** `ratio`: sampled share of the traces; parent-based: a client that sends a trace decides about it. */
export interface Sampler {
  ratio: number;
  isParentBased: boolean;
}

/** Completes a base URL, as in the OTLP specification. */
const TRACES_PATH = '/v1/traces';

/** @see https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/ */
const SAMPLERS = new Map(
  Object.entries<(ratio: number) => Sampler>({
    always_on: () => ({ ratio: 1, isParentBased: false }),
    always_off: () => ({ ratio: 0, isParentBased: false }),
    traceidratio: (ratio) => ({ ratio, isParentBased: false }),
    parentbased_always_on: () => ({ ratio: 1, isParentBased: true }),
    parentbased_always_off: () => ({ ratio: 0, isParentBased: true }),
    parentbased_traceidratio: (ratio) => ({ ratio, isParentBased: true }),
  }),
);

/** Undefined unless the file or the environment turns traces on. The file beats `OTEL_*`. */
export function resolveTracing(tracing: TracingSection, env: Environment) {
  const isOn = tracing.isEnabled ?? (tracing.endpoint !== undefined || isOnByEnvironment(env));
  if (!isOn) return undefined;
  const resource = pairsOf(env['OTEL_RESOURCE_ATTRIBUTES']);
  return {
    /** Spans are posted there, as OTLP over HTTP. */
    url: tracing.endpoint === undefined ? urlOf(env) : tracesUrl(tracing.endpoint),
    headers: { ...headersOf(env), ...tracing.headers },
    /** Of one batch. */
    timeoutMs: tracing.timeoutMs ?? timeoutOf(env) ?? tracingDefaults.timeoutMs,
    serviceName: tracing.serviceName ?? serviceNameOf(env, resource),
    /** Further attributes of the process, from `OTEL_RESOURCE_ATTRIBUTES`. */
    resource,
    sampler: tracing.sampleRatio === undefined ? samplerOf(env) : { ratio: tracing.sampleRatio, isParentBased: true },
    /** Names of the upstreams that get a `traceparent`. */
    propagateTo: tracing.propagateTo,
  };
}

/** Unsupported `OTEL_*` settings and unknown upstreams; one line each. */
export function findTracingOddities(
  tracing: { readonly propagateTo: readonly string[] } | undefined,
  { env, upstreams }: { readonly env: Environment; readonly upstreams: readonly string[] },
): string[] {
  const exporter = env['OTEL_TRACES_EXPORTER'] || 'otlp';
  const protocol = env['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL'] || env['OTEL_EXPORTER_OTLP_PROTOCOL'];
  const sampler = env['OTEL_TRACES_SAMPLER'] || 'always_on';
  const odd: string[] = [];
  if (exporter !== 'otlp' && exporter !== 'none') odd.push('OTEL_TRACES_EXPORTER: not supported; use otlp or none');
  if (tracing === undefined) return odd;
  if (protocol === 'grpc')
    odd.push('OTEL_EXPORTER_OTLP_PROTOCOL: grpc is not supported; traces are sent by HTTP, usually to port 4318');
  if (!SAMPLERS.has(sampler))
    odd.push(
      `OTEL_TRACES_SAMPLER: unknown sampler, every trace is sampled; use one of ${[...SAMPLERS.keys()].join(', ')}`,
    );
  for (const name of tracing.propagateTo) {
    if (!upstreams.includes(name))
      odd.push(`tracing.propagateto: upstream ${name} is not configured (add it to proxy.upstreams)`);
  }
  return odd;
}

function serviceNameOf(env: Environment, resource: Readonly<Record<string, string>>): string {
  return env['OTEL_SERVICE_NAME'] || resource['service.name'] || tracingDefaults.serviceName;
}

function isOnByEnvironment(env: Environment): boolean {
  if (env['OTEL_SDK_DISABLED']?.toLowerCase() === 'true') return false;
  const exporter = env['OTEL_TRACES_EXPORTER'];
  return exporter ? exporter === 'otlp' : endpointOf(env) !== undefined;
}

function urlOf(env: Environment): string {
  return endpointOf(env) ?? tracesUrl(tracingDefaults.endpoint);
}

function endpointOf(env: Environment): string | undefined {
  const own = env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'];
  if (own && parseHttpUrl(own)) return own;
  const shared = env['OTEL_EXPORTER_OTLP_ENDPOINT'];
  return shared && parseHttpUrl(shared) ? tracesUrl(shared) : undefined;
}

function tracesUrl(base: string): string {
  const trimmed = base.replace(/\/+$/, '');
  return trimmed.endsWith(TRACES_PATH) ? trimmed : `${trimmed}${TRACES_PATH}`;
}

function headersOf(env: Environment): Record<string, string> {
  return {
    ...pairsOf(env['OTEL_EXPORTER_OTLP_HEADERS']),
    ...pairsOf(env['OTEL_EXPORTER_OTLP_TRACES_HEADERS']),
  };
}

function timeoutOf(env: Environment): number | undefined {
  const text = env['OTEL_EXPORTER_OTLP_TRACES_TIMEOUT'] || env['OTEL_EXPORTER_OTLP_TIMEOUT'];
  return text && /^[1-9]\d{0,8}$/.test(text) ? Number(text) : undefined;
}

function samplerOf(env: Environment): Sampler {
  const argument = Number(env['OTEL_TRACES_SAMPLER_ARG'] || tracingDefaults.sampleRatio);
  const ratio = argument >= 0 && argument <= 1 ? argument : tracingDefaults.sampleRatio;
  const create = SAMPLERS.get(env['OTEL_TRACES_SAMPLER'] || 'parentbased_always_on');
  return create?.(ratio) ?? { ratio: tracingDefaults.sampleRatio, isParentBased: true };
}

/** `key=value,key=value`, percent-encoded, in the format of W3C Baggage. */
function pairsOf(text = ''): Record<string, string> {
  const pairs = text.split(',').map((pair) => pair.split(/=(.*)/s, 2).map((part) => decode(part.trim())));
  return Object.fromEntries(pairs.filter(([key, value]) => key && value !== undefined));
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // A literal percent sign.
  }
}
