import type { Config, Listen, RedisAddress, RedisConfig, UpstreamConfig } from '../config/config.ts';
import type { Environment } from '../config/environment.ts';
import { type LoadedConfig, loadConfig } from '../config/load.ts';
import { ConfigError } from '../config/problem.ts';
import { configJsonSchema } from '../config/schema/json-schema.ts';
import { describeStorage } from './describe-storage.ts';

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

function describeLoaded({ config, warnings, notices, source }: LoadedConfig): string[] {
  return [
    `OK: ${source}`,
    ...describeConfig(config),
    ...notices.map((notice) => `note: ${notice}`),
    ...warnings.map((warning) => `warning: ${warning}`),
  ];
}

function describeConfig({ http, storage, redis, proxy }: Config): string[] {
  const directory = describeStorage(storage.driver) ?? 'memory, lost on exit';
  return [
    `  listens on   ${describeListen(http.listen)}${http.tls ? ' (https)' : ''}`,
    ...(http.debug ? [`  debug on     ${describeListen(http.debug.listen)}`] : []),
    `  stores in    ${directory}${storage.readOnly ? ' (read-only)' : ''}`,
    ...(redis ? [`  shares by    ${describeRedis(redis)}`] : []),
    ...(proxy?.upstreams.map(describeUpstream) ?? ['  pulls from   nowhere: a plain registry']),
    ...(proxy?.offline ? ['  offline      upstreams are never contacted'] : []),
  ];
}

function describeRedis({ topology }: RedisConfig): string {
  const list = (addresses: readonly RedisAddress[]) => addresses.map(({ host, port }) => `${host}:${port}`).join(', ');
  if (topology.kind === 'standalone') return `Redis at ${list([topology.address])}`;
  if (topology.kind === 'cluster') return `a Redis cluster, with ${list(topology.nodes)}`;
  return `Redis, the ${topology.masterName} of the sentinels ${list(topology.sentinels)}`;
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
