import type { LoadedConfig } from '../config/load.ts';
import { redactedConfig } from '../config/redact.ts';
import type { ConfigView } from '../operations/service-control.ts';

/** Bytes of JSON. */
const MAX_CONFIG = 512 * 1024;
const MAX_KEYS = 2_000;
const MAX_LINES = 100;

/** A loaded configuration for the admin API. */
export function configView({ config, source, keys, warnings, notices }: LoadedConfig): ConfigView {
  const redacted = redactedConfig(config);
  return {
    source,
    config: Buffer.byteLength(JSON.stringify(redacted)) > MAX_CONFIG ? {} : redacted,
    keys: keys.slice(0, MAX_KEYS),
    warnings: warnings.slice(0, MAX_LINES),
    notices: notices.slice(0, MAX_LINES),
    pendingRestart: [],
  };
}
