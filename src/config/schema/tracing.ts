import { z } from 'zod';
import { headers } from './http.ts';
import { bool, fraction, httpUrl, name, ownTimer } from './scalar.ts';

export const tracing = z
  .strictObject({
    enabled: bool('Send traces. Default: true with an endpoint, here or in OTEL_EXPORTER_OTLP_ENDPOINT.').optional(),
    endpoint: httpUrl('OTLP over HTTP: http://collector:4318. Default: http://localhost:4318.').optional(),
    headers: headers().describe('Sent to the collector.').optional(),
    timeout: ownTimer('Longest time one batch may take. Default: 10s.').optional(),
    servicename: name('What traces call this service. Default: layover.').optional(),
    samplerratio: fraction('Share of the traces that nobody else began. Default: 1.').optional(),
    propagateto: z
      .array(name('The name of an upstream.'))
      .describe('Upstreams that are told of the trace, by traceparent. Default: none.')
      .optional(),
  })
  .describe('OpenTelemetry traces; off unless configured. OTEL_* variables fill in what is not said here.');
