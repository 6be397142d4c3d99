import type { Config, Listen, RedisAddress, RedisConfig, UpstreamConfig } from '../config/config.ts';
import type { Environment } from '../config/environment.ts';
import { type LoadedConfig, loadConfig } from '../config/load.ts';
import { ConfigError } from '../config/problem.ts';
import { redactedConfig } from '../config/redact.ts';
import { configJsonSchema } from '../config/schema/json-schema.ts';
import { checkContent } from '../service/file-content.ts';
import { describeAuthentication, describePushes, describeStorage } from './describe-config.ts';

/** Where a command writes: `process.stdout`, or a test's buffer. */
export interface Output {
  write(text: string): unknown;
}

/**
 * `config check`: validates a configuration and describes it.
 *
 * @param file absent: the same file that `serve` would use
 * @param output.json also the configuration, with its defaults and without secrets
 * @returns the exit code: 0, or 1 for a configuration that `serve` rejects
 */
export async function checkConfig(
  file: string | undefined,
  env: Environment,
  { out, json = false }: { readonly out: Output; readonly json?: boolean },
): Promise<number> {
  const print = (facts: object, lines: readonly string[]) =>
    out.write(json ? `${JSON.stringify(facts, null, 2)}\n` : `${lines.join('\n')}\n`);
  try {
    const loaded = await loadConfig({ file, env, areFilesChecked: true, checkContent });
    const { warnings, notices, source, config } = loaded;
    print(
      { valid: true, source, problems: [], warnings, notices, config: redactedConfig(config) },
      describeLoaded(loaded),
    );
    return 0;
  } catch (err) {
    if (!(err instanceof ConfigError)) throw err;
    print({ valid: false, problems: err.problems, warnings: [], notices: [] }, err.problems);
    return 1;
  }
}

/** `config schema`: the JSON schema, for completion and checks in editors. */
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

function describeConfig(config: Config): string[] {
  const { http, storage, redis, proxy } = config;
  const place = describeStorage(storage.driver) ?? 'memory (lost when the process ends)';
  const facts: [label: string, value: string][] = [
    ['listens on', `${describeListen(http.listen)}${http.tls ? ' (https)' : ''}`],
    ...(http.debug ? [['debug on', describeListen(http.debug.listen)] as [string, string]] : []),
    ['stores in', `${place}${storage.readOnly ? ' (read-only)' : ''}`],
    ...(redis ? [['shared through', describeRedis(redis)] as [string, string]] : []),
    ...describeUpstreams(proxy),
    ...(proxy?.offline ? [['offline', 'upstreams are never contacted'] as [string, string]] : []),
    ['pushes', describePushes(config)],
    ['authentication', describeAuthentication(config)],
  ];
  return facts.map(([label, value]) => `  ${label.padEnd(14)}  ${value}`);
}

function describeRedis({ topology }: RedisConfig): string {
  const list = (addresses: readonly RedisAddress[]) => addresses.map(({ host, port }) => `${host}:${port}`).join(', ');
  if (topology.kind === 'standalone') return `Redis at ${list([topology.address])}`;
  if (topology.kind === 'cluster') return `a Redis cluster at ${list(topology.nodes)}`;
  return `Redis, master ${topology.masterName} of the sentinels ${list(topology.sentinels)}`;
}

function describeUpstreams(proxy: Config['proxy']): [label: string, value: string][] {
  const upstreams = proxy?.upstreams ?? [];
  if (upstreams.length === 0) return [['upstreams', 'none (registry only)']];
  return upstreams.map((upstream) => ['pulls from', describeUpstream(upstream)]);
}

function describeUpstream({ name, remoteUrl, isDefault, mirrors }: UpstreamConfig): string {
  const via =
    mirrors.length > 0
      ? `, after ${mirrors.map((mirror) => (typeof mirror === 'string' ? mirror : mirror.url)).join(', ')}`
      : '';
  return `${name} (${remoteUrl}${via})${isDefault ? ', the default' : ''}`;
}

function describeListen(listen: Listen): string {
  if (listen.net === 'unix') return listen.path;
  const host = listen.host ?? '';
  return `${host.includes(':') ? `[${host}]` : host}:${listen.port}`;
}
