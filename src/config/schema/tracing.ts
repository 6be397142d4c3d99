import { z } from 'zod';
import { httpUrl } from './address.ts';
import { lateDefault, otherwise } from './defaults.ts';
import { ownTimer } from './duration.ts';
import { headers, joinValues } from './header.ts';
import { bool, fraction } from './number.ts';
import { name } from './text.ts';

const endpoint = lateDefault(
  httpUrl('Collector for OTLP over HTTP; completed by `/v1/traces`.'),
  'http://localhost:4318',
);
/** OpenTelemetry's default. */
const timeout = lateDefault(ownTimer('Longest time of one batch.'), '10s');
const serviceName = lateDefault(name('Name of this service in traces.'), 'layover');
const sampleRatio = lateDefault(fraction('Sampled share of the traces that no client started.'), '1');

/** They apply when no `OTEL_*` variable has a value. */
export const tracingDefaults = {
  endpoint: endpoint.value,
  timeoutMs: timeout.value,
  serviceName: serviceName.value,
  sampleRatio: sampleRatio.value,
};

export const tracing = z
  .strictObject({
    enabled: otherwise(
      bool('Send traces. `false`: off, whatever the environment sets.'),
      '`true` with an endpoint, here or in `OTEL_EXPORTER_OTLP_ENDPOINT`',
    ),
    endpoint: endpoint.key,
    headers: headers().describe('Sent to the collector.').optional(),
    timeout: timeout.key,
    servicename: serviceName.key,
    samplerratio: sampleRatio.key,
    propagateto: otherwise(
      z.array(name('Name of an upstream.')).describe('Upstreams that get a `traceparent` header.'),
      'none',
    ),
  })
  .transform(({ enabled, endpoint: url, headers: given = {}, timeout: timeoutMs, ...raw }) => ({
    isEnabled: enabled,
    endpoint: url,
    headers: joinValues(given),
    timeoutMs,
    serviceName: raw.servicename,
    sampleRatio: raw.samplerratio,
    propagateTo: raw.propagateto ?? [],
  }))
  .describe('OpenTelemetry traces; off by default. OTEL_* variables apply where no key is set.');

export type TracingSection = z.output<typeof tracing>;
