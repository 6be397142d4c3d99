import { loadConfig } from '../../src/config/load.ts';
import { type RunningServer, startServer } from '../../src/service/server.ts';
import { createLog, type Log } from '../../src/telemetry/log.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { configView } from '../../src/commands/config-view.ts';
import { startTracing } from '../../src/commands/serve.ts';
import { createTelemetry } from '../../src/telemetry/telemetry.ts';
import type { Tracing } from '../../src/telemetry/tracing.ts';
import { KeptOutput } from './kept-output.ts';
import type { LayoverRun, RunOptions } from './layover-run.ts';
import type { Exit } from './processes.ts';

/** Starts the service in this process as `serve` does, without its banner. @throws what `startServer` throws */
export async function startInThisProcess({ configFile, env, nodeArguments, clock }: RunOptions): Promise<LayoverRun> {
  if (nodeArguments.length > 0) throw new Error('arguments for node need Layover.startProcess');
  const state = { isRunning: true, command: 'Layover in this process' };
  const output = new KeptOutput(state);
  const loaded = await loadConfig({ file: configFile, env });
  const { config, warnings, notices, source } = loaded;
  const log = createLog(config.log, { write: (line) => output.append('stdout', line), flush: async () => {} });
  const tracing = config.tracing && (await startTracing(config.tracing, log));
  const { accessLog } = config.log;
  const telemetry = createTelemetry({
    log,
    metrics: createMetrics(),
    tracing,
    accessLog,
    ...(clock && { now: clock.now }),
  });
  log.info({ source }, 'configuration loaded');
  for (const notice of notices) log.info({ source }, notice);
  for (const warning of warnings) log.warn({ source }, warning);
  const server = await startServer({ config, env, telemetry, clock, settings: configView(loaded) });
  return new LayoverInProcess({ server, tracing, log, output, state });
}

interface Started {
  readonly server: RunningServer;
  readonly tracing: Tracing | undefined;
  readonly log: Log;
  readonly output: KeptOutput;
  readonly state: { isRunning: boolean };
}

class LayoverInProcess implements LayoverRun {
  readonly exited: Promise<Exit>;
  readonly #started: Started;
  #onExit: (exit: Exit | Promise<Exit>) => void = () => {};
  #isEnding = false;

  constructor(started: Started) {
    this.#started = started;
    this.exited = new Promise((resolve) => (this.#onExit = resolve));
    this.exited.catch(() => {}); // whoever stops it sees the error
  }

  get url(): string {
    return this.#started.server.url;
  }

  get debugUrl(): string | undefined {
    return this.#started.server.debugUrl;
  }

  get pid(): number {
    throw new Error('it has no process: use Layover.startProcess');
  }

  get stdout(): string {
    return this.#started.output.stdout;
  }

  get stderr(): string {
    return this.#started.output.stderr;
  }

  get output(): string {
    return this.#started.output.all;
  }

  waitForOutput(pattern: RegExp, options: { timeoutMs?: number } = {}): Promise<RegExpExecArray> {
    return this.#started.output.waitFor(pattern, options);
  }

  kill(signal: NodeJS.Signals): void {
    if (signal !== 'SIGTERM' && signal !== 'SIGINT') throw new Error(`${signal} needs Layover.startProcess`);
    if (!this.#isEnding) this.#onExit(this.#end(signal));
    this.#isEnding = true;
  }

  stop(): Promise<Exit> {
    this.kill('SIGTERM');
    return this.exited;
  }

  async #end(signal: NodeJS.Signals): Promise<Exit> {
    const { server, tracing, log, output, state } = this.#started;
    log.info({ signal }, 'draining started');
    await server.drain();
    await tracing?.stop();
    log.info({}, 'server stopped');
    state.isRunning = false;
    output.wake();
    return { code: 0, signal: null };
  }
}
