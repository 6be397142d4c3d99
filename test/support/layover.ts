import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { stringify } from 'yaml';

import type { Clock } from '../../src/clock/clock.ts';
import { listLocks, listSpools, readVisibleBlobs, type SpoolFile, type VisibleBlob } from './data-directory.ts';
import type { Hub } from './hub.ts';
import { startInThisProcess } from './layover-in-process.ts';
import { startInOwnProcess } from './layover-process.ts';
import type { LayoverRun } from './layover-run.ts';
import type { Exit } from './processes.ts';
import { programEnvironment } from './programs.ts';
import { temporaryDirectory } from './temporary-directory.ts';

/** A configuration file before it is YAML. */
export type ConfigObject = { readonly [key: string]: unknown };

export interface LayoverOptions {
  /** Laid over the defaults: loopback on a free port, the temporary data directory, both logs on. */
  readonly config?: ConfigObject;
  readonly env?: Readonly<Record<string, string>>;
  /** Default: a temporary one, removed at the end. */
  readonly dataDirectory?: string;
  /** Arguments for node, before the program. Only with {@link Layover.startProcess}. */
  readonly nodeArguments?: readonly string[];
  /** For TTLs, breakers and back-off. Only with {@link Layover.start}. @default the clock of the system */
  readonly clock?: Clock;
  /** As {@link Layover.startProcess}, for functions that start it for a test. @default false */
  readonly ownProcess?: boolean;
}

/** A running Layover. `await using` ends it and removes its data. */
export class Layover implements AsyncDisposable {
  /** `rootdirectory` of the filesystem driver. */
  readonly dataDirectory: string;
  readonly #directory: AsyncDisposable & { readonly path: string };
  #options: LayoverOptions;
  #run: LayoverRun | undefined;
  #port = 0;

  private constructor(directory: AsyncDisposable & { readonly path: string }, options: LayoverOptions) {
    this.#directory = directory;
    this.#options = options;
    this.dataDirectory = options.dataDirectory ?? join(directory.path, 'data');
  }

  /** Starts it in this process. @throws {Error} when it cannot start */
  static async start(options: LayoverOptions = {}): Promise<Layover> {
    const layover = new Layover(await temporaryDirectory(), options);
    try {
      await mkdir(layover.dataDirectory, { recursive: true });
      await layover.#launch();
    } catch (err) {
      await layover[Symbol.asyncDispose]();
      throw err;
    }
    return layover;
  }

  /**
   * Starts the built program: for signals, kills, exit codes, memory, the environment and locks of a process.
   *
   * @throws {Error} with its output, when it does not come to listen
   */
  static startProcess(options: LayoverOptions = {}): Promise<Layover> {
    return Layover.start({ ...options, ownProcess: true });
  }

  /** What it was started with, for commands that are about it. */
  get configFile(): string {
    return join(this.#directory.path, 'config.yml');
  }

  get url(): string {
    return this.#running.url;
  }

  get port(): number {
    return this.#port;
  }

  /** Where `/debug/health` and `/metrics` are; only with `http.debug.addr` in the configuration. */
  get debugUrl(): string {
    const { debugUrl } = this.#running;
    if (debugUrl === undefined) throw new Error('started without http.debug.addr');
    return debugUrl;
  }

  /** Only with {@link Layover.startProcess}. */
  get pid(): number {
    return this.#running.pid;
  }

  /** Of the last start. Without the banner unless it has its own process. */
  get output(): string {
    return this.#running.output;
  }

  get stdout(): string {
    return this.#running.stdout;
  }

  get stderr(): string {
    return this.#running.stderr;
  }

  get exited(): Promise<Exit> {
    return this.#running.exited;
  }

  waitForOutput(pattern: RegExp, options: { timeoutMs?: number } = {}): Promise<RegExpExecArray> {
    return this.#running.waitForOutput(pattern, options);
  }

  /** Resident memory, in bytes. Linux only. */
  async rss(): Promise<number> {
    return this.#memory('VmRSS');
  }

  /** The most resident memory it ever had, in bytes. Linux only. */
  async peakRss(): Promise<number> {
    return this.#memory('VmHWM');
  }

  /** Sends the signal and waits until it has ended. In this process only SIGTERM and SIGINT are possible. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<Exit> {
    this.#running.kill(signal);
    return this.#running.exited;
  }

  /**
   * Starts it again on the same data and the same port, ending it with SIGTERM first if it runs.
   *
   * @param config replaces the configuration given before; without it that one stays
   */
  async restart(config?: ConfigObject): Promise<void> {
    await this.#run?.stop();
    this.#options = { ...this.#options, ...(config && { config }) };
    await this.#launch();
  }

  /** Every blob that a reader could see, checked against its digest. */
  visibleBlobs(): Promise<readonly VisibleBlob[]> {
    return readVisibleBlobs(this.dataDirectory);
  }

  /** What unfinished fills keep on disk. */
  spools(): Promise<readonly SpoolFile[]> {
    return listSpools(this.dataDirectory);
  }

  /**
   * Waits until every fill has ended in a blob: a client has its last byte a little before the blob is visible.
   *
   * @throws {Error} when something is left after `timeoutMs`
   */
  async settled({ timeoutMs = 30_000 } = {}): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      // A fill holds its lock until the blob is linked, when its file has long been renamed.
      const left = [...(await this.spools()).map(({ name }) => name), ...(await listLocks(this.dataDirectory))];
      if (left.length === 0) return;
      if (Date.now() > deadline) throw new Error(`unfinished fills: ${left.join(', ')}`);
      await delay(10);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#run?.stop();
    await this.#directory[Symbol.asyncDispose]();
  }

  get #running(): LayoverRun {
    if (this.#run === undefined) throw new Error('not started');
    return this.#run;
  }

  async #launch(): Promise<void> {
    const { configFile } = this;
    await writeFile(configFile, stringify(merged(this.#defaults(), this.#options.config ?? {})));
    const start = this.#options.ownProcess ? startInOwnProcess : startInThisProcess;
    this.#run = await start({
      configFile,
      env: { ...programEnvironment(), ...this.#options.env },
      cwd: this.#directory.path,
      nodeArguments: this.#options.nodeArguments ?? [],
      hasDebugServer: hasDebugServer(this.#options.config),
      clock: this.#options.clock,
    });
    this.#port = Number(new URL(this.#run.url).port);
  }

  #defaults(): ConfigObject {
    return {
      version: 0.1,
      log: { level: 'info' },
      storage: { filesystem: { rootdirectory: this.dataDirectory } },
      http: { addr: `127.0.0.1:${this.#port}` },
    };
  }

  async #memory(field: 'VmRSS' | 'VmHWM'): Promise<number> {
    const status = await readFile(`/proc/${this.pid}/status`, 'utf8');
    const [, kilobytes] = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status) ?? [];
    return Number(kilobytes) * 1024;
  }
}

function hasDebugServer(config: ConfigObject | undefined): boolean {
  return isObject(config?.http) && isObject(config.http.debug);
}

/** An entry of `proxy.upstreams` as Docker Hub is configured, over a {@link Hub}. */
export function dockerHubUpstream(hub: Pick<Hub, 'url'>, more: ConfigObject = {}): ConfigObject {
  return { name: 'docker.io', remoteurl: hub.url, library: true, default: true, ...more };
}

function merged(base: ConfigObject, over: ConfigObject): ConfigObject {
  const entries = Object.entries(over).map(([key, value]) => {
    const below = base[key];
    return [key, isObject(below) && isObject(value) ? merged(below, value) : value];
  });
  return { ...base, ...Object.fromEntries(entries) };
}

function isObject(value: unknown): value is ConfigObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
