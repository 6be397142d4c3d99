import { resolve } from 'node:path';

import type { Config, TracingConfig } from '../config/config.ts';
import { configView } from './config-view.ts';
import { loadConfig } from '../config/load.ts';
import { type RunningServer, startServer } from '../service/server.ts';
import { createLog, type Log } from '../telemetry/log.ts';
import { openLogDestination } from '../telemetry/log-destination.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import { createTelemetry } from '../telemetry/telemetry.ts';
import type { Tracing } from '../telemetry/tracing.ts';
import { VERSION } from '../version.ts';
import { describeAuthentication, describePushes, describeStorage } from './describe-config.ts';

export interface ServeOptions {
  /** Path of the configuration. */
  readonly file: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly out: NodeJS.WritableStream;
}

/**
 * Runs the service until SIGTERM or SIGINT.
 *
 * @returns the exit code
 * @throws {ConfigError} before anything listens
 */
export async function serve({ file, env, out }: ServeOptions): Promise<number> {
  const loaded = await loadConfig({ file, env });
  const { config, warnings, notices, source } = loaded;
  const destination = openLogDestination(1);
  const log = createLog(config.log, destination);
  const metrics = createMetrics();
  const tracing = config.tracing && (await startTracing(config.tracing, log));
  const telemetry = createTelemetry({ log, metrics, tracing, accessLog: config.log.accessLog });
  log.info({ source }, 'configuration loaded');
  for (const notice of notices) log.info({ source }, notice);
  for (const warning of warnings) log.warn({ source }, warning);
  // From here on, because a signal may arrive during startup.
  const stopping = stopSignal();
  const server = await startServer({
    config,
    env,
    telemetry,
    writeLines: (text) => void destination.write(text),
    settings: configView(loaded),
  });
  if (server.reload) reloadOnSignal(server.reload, { file, env, log });
  announce(config, server, { log, out });
  const signal = await stopping;
  log.info({ signal }, 'draining started');
  await server.drain();
  await tracing?.stop();
  log.info({}, 'server stopped');
  await log.flush();
  return 0;
}

type Reload = NonNullable<RunningServer['reload']>;

/** SIGHUP loads the configuration again, one signal after the other. */
function reloadOnSignal(reload: Reload, options: Pick<ServeOptions, 'file' | 'env'> & { readonly log: Log }): void {
  let reloading = Promise.resolve();
  process.on('SIGHUP', () => {
    reloading = reloading.then(() => reloadOnce(reload, options));
  });
}

async function reloadOnce(
  reload: Reload,
  { file, env, log }: Pick<ServeOptions, 'file' | 'env'> & { readonly log: Log },
): Promise<void> {
  try {
    const loaded = await loadConfig({ file, env });
    const { config, warnings, source } = loaded;
    for (const warning of warnings) log.warn({ source }, warning);
    const restart = await reload(config, configView(loaded));
    log.info({ source }, 'configuration reloaded');
    if (restart.length > 0)
      log.warn({ source, keys: restart.join(', ') }, 'configuration changed that needs a restart');
  } catch (err) {
    log.error(
      { reason: err instanceof Error ? err.message : String(err) },
      'configuration not reloaded; the one in use stays',
    );
  }
}

/** Loads the packages of OpenTelemetry (34 MB), which a service without traces does not need. */
export async function startTracing(config: TracingConfig, log: Log): Promise<Tracing> {
  const { OpenTelemetryTracing } = await import('../telemetry/tracing-spans.ts');
  return new OpenTelemetryTracing(config, { log, version: VERSION });
}

/** A second signal ends the process at once. */
function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((onSignal) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.once(signal, () => {
        process.once(signal, () => process.exit(1));
        onSignal(signal);
      });
    }
  });
}

function announce(config: Config, server: RunningServer, { log, out }: { log: Log; out: NodeJS.WritableStream }): void {
  const lines = banner(config, server);
  if (config.log.format === 'text') out.write(`Layover ${VERSION}\n${lines.map((line) => `  ${line}\n`).join('')}`);
  else for (const line of lines) log.info({}, line);
}

/** The facts an operator checks first, and the next step for a Docker user. */
function banner(config: Config, { url, debugUrl }: Pick<RunningServer, 'url' | 'debugUrl'>): string[] {
  const { proxy } = config;
  const upstreams = proxy?.upstreams.map(({ name, isDefault }) => (isDefault ? `${name} (default)` : name)) ?? [];
  return [
    `listening on ${url}`,
    ...(debugUrl === undefined ? [] : [`debug server on ${debugUrl}`]),
    `upstreams: ${upstreams.join(', ') || 'none (registry only)'}${proxy?.offline ? ' (offline: never contacted)' : ''}`,
    `storing in ${storagePlace(config)}`,
    `pushes: ${describePushes(config)}`,
    `authentication: ${describeAuthentication(config)}`,
    nextStep(clientUrl(url), proxy),
  ];
}

function storagePlace({ storage: { driver } }: Config): string {
  if (driver.kind === 'filesystem') return resolve(driver.rootDirectory);
  return describeStorage(driver) ?? 'memory (lost when the process ends)';
}

function nextStep(url: string, proxy: Config['proxy']): string {
  if (proxy) return `next: put { "registry-mirrors": ["${url}"] } into /etc/docker/daemon.json and restart Docker`;
  return `next: docker tag alpine ${url.replace(/^https?:\/\//, '')}/alpine && docker push ${url.replace(/^https?:\/\//, '')}/alpine`;
}

/** The URL for a client on this machine, also when the server listens on all addresses. */
function clientUrl(url: string): string {
  return url.replace(/\/\/(\[::\]|0\.0\.0\.0)/, '//localhost');
}
