import type { TracingConfig } from '../config/config.ts';
import type { StartTracingOptions } from './tracing-provider.ts';
import type { Tracing } from './tracing.ts';

/** Only here are the packages of OpenTelemetry loaded: 34 MB that a service without traces does not need. */
export async function startTracing(config: TracingConfig, options: StartTracingOptions): Promise<Tracing> {
  const { OpenTelemetryTracing } = await import('./tracing-spans.ts');
  return new OpenTelemetryTracing(config, options);
}
