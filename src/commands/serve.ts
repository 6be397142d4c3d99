import { resolve } from 'node:path';

import type { Config, TracingConfig } from '../config/config.ts';
import { loadConfig } from '../config/load.ts';
import { type RunningServer, startServer } from '../service/server.ts';
import { createLog, type Log } from '../telemetry/log.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import { createTelemetry } from '../telemetry/telemetry.ts';
import type { Tracing } from '../telemetry/tracing.ts';
import { VERSION } from '../version.ts';
import { describeStorage } from './describe-storage.ts';

export interface ServeOptions {
  /** Path of the configuration. */
  readonly file: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly out: NodeJS.WritableStream;
}

/**
 * Runs the service until it is told to end.
 *
 * @returns the exit code
 * @throws {ConfigError} and then nothing listens
 */
export async function serve({ file, env, out }: ServeOptions): Promise<number> {
  const { config, warnings, notices, source } = await loadConfig({ file, env });
  const log = createLog(config.log);
  const metrics = createMetrics();
  const tracing = config.tracing && (await startTracing(config.tracing, log));
  const telemetry = createTelemetry({ log, metrics, tracing, accessLog: config.log.accessLog });
  log.info({ source }, 'configuration loaded');
  for (const notice of notices) log.info({ source }, notice);
  for (const warning of warnings) log.warn({ source }, warning);
  // Listened for from here on, as a signal can come while the server starts.
  const ending = endSignal();
  const server = await startServer({ config, env, telemetry });
  greet(config, server, { log, out });
  const signal = await ending;
  log.info({ signal }, 'draining');
  await server.drain();
  await tracing?.stop();
  log.info({}, 'ended');
  await log.flush();
  return 0;
}

/** Loads the packages of OpenTelemetry (34 MB), which a service without traces does not need. */
export async function startTracing(config: TracingConfig, log: Log): Promise<Tracing> {
  const { OpenTelemetryTracing } = await import('../telemetry/tracing-spans.ts');
  return new OpenTelemetryTracing(config, { log, version: VERSION });
}

/** A second signal ends the process at once. */
function endSignal(): Promise<NodeJS.Signals> {
  return new Promise((onSignal) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.once(signal, () => {
        process.once(signal, () => process.exit(1));
        onSignal(signal);
      });
    }
  });
}

function greet(config: Config, server: RunningServer, { log, out }: { log: Log; out: NodeJS.WritableStream }): void {
  const lines = greeting(config, server);
  if (config.log.format === 'text') out.write(`Layover ${VERSION}\n${lines.map((line) => `  ${line}\n`).join('')}`);
  else for (const line of lines) log.info({}, line);
}

/** Where it listens, what it serves, where it stores, and what a Docker user does next. */
function greeting({ storage, proxy }: Config, { url, debugUrl }: Pick<RunningServer, 'url' | 'debugUrl'>): string[] {
  const { driver } = storage;
  const upstreams = proxy?.upstreams.map(({ name, isDefault }) => (isDefault ? `${name} (default)` : name)) ?? [];
  return [
    `listening on ${url}`,
    ...(debugUrl === undefined ? [] : [`debug server on ${debugUrl}`]),
    `upstreams: ${upstreams.join(', ') || 'none, serving what is stored'}${proxy?.offline ? ' (offline: none is asked)' : ''}`,
    `storing in ${driver.kind === 'filesystem' ? resolve(driver.rootDirectory) : (describeStorage(driver) ?? 'memory; it is gone when the process ends')}`,
    `takes pushes: ${pushesTo({ storage, proxy })}`,
    nextStep(clientUrl(url), proxy),
  ];
}

function pushesTo({ storage, proxy }: Pick<Config, 'storage' | 'proxy'>): string {
  if (storage.readOnly) return 'no, it is read-only';
  if (!proxy || proxy.upstreams.length === 0) return 'to any name';
  return proxy.hosted.join(', ') || 'no; names for that go into proxy.hosted';
}

function nextStep(url: string, proxy: Config['proxy']): string {
  if (proxy) return `next: put { "registry-mirrors": ["${url}"] } into /etc/docker/daemon.json and restart Docker`;
  return `next: docker tag alpine ${url.replace(/^https?:\/\//, '')}/alpine && docker push ${url.replace(/^https?:\/\//, '')}/alpine`;
}

/** An address that a client on this machine can use, where the one that is listened on is "any". */
function clientUrl(url: string): string {
  return url.replace(/\/\/(\[::\]|0\.0\.0\.0)/, '//localhost');
}
