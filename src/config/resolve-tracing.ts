import type { TracingConfig } from './config.ts';
import type { Environment } from './environment.ts';
import type { RawConfig } from './schema/schema.ts';
import { parseHttpUrl } from './units.ts';

type RawTracing = NonNullable<RawConfig['tracing']>;
type Sampler = TracingConfig['sampler'];

const DEFAULT_ENDPOINT = 'http://localhost:4318';
/** As the OTLP specification has it; a base URL is completed by it. */
const TRACES_PATH = '/v1/traces';
/** As OpenTelemetry. Milliseconds. */
const EXPORT_TIMEOUT = 10_000;

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

/** Off unless the file or the environment asks for traces; the file beats `OTEL_*`. */
export function resolveTracing(tracing: RawTracing = {}, env: Environment = {}): TracingConfig | undefined {
  const isOn = tracing.enabled ?? (tracing.endpoint !== undefined || isAskedFor(env));
  if (!isOn) return undefined;
  const resource = pairsOf(env['OTEL_RESOURCE_ATTRIBUTES']);
  return {
    url: tracing.endpoint === undefined ? urlOf(env) : tracesUrl(tracing.endpoint),
    headers: { ...headersOf(env), ...joinValues(tracing.headers ?? {}) },
    timeoutMs: tracing.timeout ?? timeoutOf(env) ?? EXPORT_TIMEOUT,
    serviceName: tracing.servicename ?? (env['OTEL_SERVICE_NAME'] || resource['service.name'] || 'layover'),
    resource,
    sampler: tracing.samplerratio === undefined ? samplerOf(env) : { ratio: tracing.samplerratio, isParentBased: true },
    propagateTo: tracing.propagateto ?? [],
  };
}

/** What the environment asks for and does not get; one line each. */
export function findTracingOddities(
  tracing: TracingConfig | undefined,
  { env, upstreams }: { readonly env: Environment; readonly upstreams: readonly string[] },
): string[] {
  const exporter = env['OTEL_TRACES_EXPORTER'] || 'otlp';
  const protocol = env['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL'] || env['OTEL_EXPORTER_OTLP_PROTOCOL'];
  const sampler = env['OTEL_TRACES_SAMPLER'] || 'always_on';
  const odd: string[] = [];
  if (exporter !== 'otlp' && exporter !== 'none') odd.push(`OTEL_TRACES_EXPORTER: only otlp and none are known`);
  if (tracing === undefined) return odd;
  if (protocol === 'grpc') odd.push('OTEL_EXPORTER_OTLP_PROTOCOL: traces are sent by HTTP, which is another port');
  if (!SAMPLERS.has(sampler)) odd.push('OTEL_TRACES_SAMPLER: no such sampler, every trace is kept');
  for (const name of tracing.propagateTo) {
    if (!upstreams.includes(name)) odd.push(`tracing.propagateto: there is no upstream ${name}`);
  }
  return odd;
}

function isAskedFor(env: Environment): boolean {
  if (env['OTEL_SDK_DISABLED']?.toLowerCase() === 'true') return false;
  const exporter = env['OTEL_TRACES_EXPORTER'];
  return exporter ? exporter === 'otlp' : endpointOf(env) !== undefined;
}

function urlOf(env: Environment): string {
  return endpointOf(env) ?? tracesUrl(DEFAULT_ENDPOINT);
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
  const argument = Number(env['OTEL_TRACES_SAMPLER_ARG'] || 1);
  const ratio = argument >= 0 && argument <= 1 ? argument : 1;
  const create = SAMPLERS.get(env['OTEL_TRACES_SAMPLER'] || 'parentbased_always_on');
  return create?.(ratio) ?? { ratio: 1, isParentBased: true };
}

/** `key=value,key=value`, percent-encoded, as W3C Baggage. */
function pairsOf(text = ''): Record<string, string> {
  const pairs = text.split(',').map((pair) => pair.split(/=(.*)/s, 2).map((part) => decode(part.trim())));
  return Object.fromEntries(pairs.filter(([key, value]) => key && value !== undefined));
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // A percent sign that stands for itself.
  }
}

function joinValues(headers: Readonly<Record<string, readonly string[]>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([key, values]) => [key, values.join(', ')]));
}
