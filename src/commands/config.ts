import type { Config, Listen, UpstreamConfig } from '../config/config.ts';
import type { Environment } from '../config/environment.ts';
import { type LoadedConfig, loadConfig } from '../config/load.ts';
import { ConfigError } from '../config/problem.ts';
import { configJsonSchema } from '../config/schema/schema.ts';

/** Where a command writes: `process.stdout`, or a test's buffer. */
export interface Output {
  write(text: string): unknown;
}

/**
 * `config check`: says whether a configuration can be used, and what it would do.
 *
 * @param file undefined: as `serve` finds it
 * @returns the exit code: 0, or 1 when `serve` would not start with it
 */
export async function checkConfig(file: string | undefined, env: Environment, out: Output): Promise<number> {
  try {
    const loaded = await loadConfig({ file, env });
    out.write(`${describeLoaded(loaded).join('\n')}\n`);
    return 0;
  } catch (err) {
    if (!(err instanceof ConfigError)) throw err;
    out.write(`${err.problems.join('\n')}\n`);
    return 1;
  }
}

/** `config schema`: the JSON schema that editors complete and check the file by. */
export function printConfigSchema(out: Output): void {
  out.write(`${JSON.stringify(configJsonSchema(), null, 2)}\n`);
}

function describeLoaded({ config, warnings, source }: LoadedConfig): string[] {
  return [`OK: ${source}`, ...describeConfig(config), ...warnings.map((warning) => `warning: ${warning}`)];
}

function describeConfig({ http, storage, proxy }: Config): string[] {
  const directory = storage.driver.kind === 'filesystem' ? storage.driver.rootDirectory : 'memory, lost on exit';
  return [
    `  listens on   ${describeListen(http.listen)}${http.tls ? ' (https)' : ''}`,
    ...(http.debug ? [`  debug on     ${describeListen(http.debug.listen)}`] : []),
    `  stores in    ${directory}${storage.readOnly ? ' (read-only)' : ''}`,
    ...(proxy?.upstreams.map(describeUpstream) ?? ['  pulls from   nowhere: a plain registry']),
    ...(proxy?.offline ? ['  offline      upstreams are never contacted'] : []),
  ];
}

function describeUpstream({ name, remoteUrl, isDefault, mirrors }: UpstreamConfig): string {
  const via = mirrors.length > 0 ? `, after ${mirrors.join(', ')}` : '';
  return `  pulls from   ${name} (${remoteUrl}${via})${isDefault ? ', the default' : ''}`;
}

function describeListen(listen: Listen): string {
  if (listen.net === 'unix') return listen.path;
  const host = listen.host ?? '';
  return `${host.includes(':') ? `[${host}]` : host}:${listen.port}`;
}
