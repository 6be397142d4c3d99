import type { LogConfig } from '../../src/config/config.ts';
import { createLog } from '../../src/telemetry/log.ts';

/** A log whose lines end up in an array, without their line feeds. */
export function logIntoArray(config: Partial<LogConfig> = {}) {
  const lines: string[] = [];
  const log = createLog(
    { level: 'info', format: 'json', fields: {}, accessLog: true, ...config },
    { write: (line) => lines.push(line.replace(/\n$/, '')), flush: async () => {} },
  );
  return { log, lines, parsed: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}
