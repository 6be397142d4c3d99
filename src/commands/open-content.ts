import type { Environment } from '../config/environment.ts';
import { loadConfig } from '../config/load.ts';
import { openStoredContent, type StoredContent } from '../service/stored-content.ts';
import { createLog } from '../telemetry/log.ts';
import { openLogDestination } from '../telemetry/log-destination.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import { createTelemetry } from '../telemetry/telemetry.ts';

/** The stored images of a server that may be running. @throws {ControlError} · {ConfigError} */
export async function openContent(options: {
  readonly file: string | undefined;
  readonly env: Environment;
}): Promise<StoredContent & AsyncDisposable> {
  const { config } = await loadConfig(options);
  // Stdout is for the result.
  const log = createLog({ ...config.log, level: 'error' }, openLogDestination(2));
  const telemetry = createTelemetry({ log, metrics: createMetrics(), accessLog: false });
  const content = await openStoredContent(config, telemetry);
  return {
    ...content,
    async [Symbol.asyncDispose]() {
      await content.close();
      await log.flush();
    },
  };
}
