import { readFile, stat } from 'node:fs/promises';

import { ServerUnreachableError } from '../admin/remote-calls.ts';
import { RemoteControl } from '../admin/remote-control.ts';
import { adminSocketPath } from '../admin/api.ts';
import type { Config, Listen } from '../config/config.ts';
import type { Environment } from '../config/environment.ts';
import { loadConfig } from '../config/load.ts';
import type { CacheControl } from '../operations/cache-control.ts';
import { ControlError } from '../operations/control-error.ts';
import type { CacheTarget } from './cache-target.ts';

export interface TargetOptions {
  /** Path of the configuration. */
  readonly file: string | undefined;
  readonly env: Environment;
  /** Address of the admin API; `unix:<path>` for a socket. */
  readonly server?: string | undefined;
  readonly token?: string | undefined;
  readonly tokenFile?: string | undefined;
  /** Without a server, the storage directory must exist: the command would have no effect in a new one. @default false */
  readonly existing?: boolean | undefined;
}

/** Checks images in storage. */
export interface OpenCheckTarget {
  readonly control: Pick<CacheControl, 'check'>;
  close(): Promise<void>;
}

/** Codes of a connection failure without a running server; a busy server or missing permissions have others. */
const NOT_RUNNING = ['ENOENT', 'ECONNREFUSED'];

/**
 * The running server, by `--server` or by the configuration; without one, the storage that the configuration names.
 *
 * @throws {ControlError} · {ConfigError} · {ServerUnreachableError}
 */
export async function openCache(options: TargetOptions): Promise<CacheTarget> {
  return openServerOr(options, async (config) => {
    // Storage, index and log are loaded only without a running server.
    if (options.existing) await expectStorage(config);
    const { openStopped } = await import('./open-stopped.ts');
    return openStopped(config);
  });
}

/** The running server, by the configuration. @returns undefined when there is none */
export async function findServer(options: TargetOptions): Promise<CacheTarget | undefined> {
  return openServerOr(options, async () => undefined);
}

/** The same for a command that only reads: storage is neither owned nor changed, and not created. */
export async function openForCheck(options: TargetOptions): Promise<OpenCheckTarget> {
  return openServerOr<OpenCheckTarget>(options, async () => {
    const { openContent } = await import('./open-content.ts');
    const { check, ...content } = await openContent(options);
    return { control: { check }, close: async () => content[Symbol.asyncDispose]() };
  });
}

async function openServerOr<T>(
  options: TargetOptions,
  openStorage: (config: Config) => Promise<T>,
): Promise<T | CacheTarget> {
  const { file, env, server } = options;
  const token = options.tokenFile === undefined ? options.token : (await readFile(options.tokenFile, 'utf8')).trim();
  if (server !== undefined) return running(new RemoteControl({ url: server, token }));
  const { config } = await loadConfig({ file, env });
  for (const url of addressesOf(config)) {
    const control = new RemoteControl({ url, token: token ?? (await tokenOf(config)) });
    if (await isRunning(control)) return running(control);
  }
  return openStorage(config);
}

/** @throws {ControlError} `unavailable` */
async function expectStorage({ storage: { driver } }: Config): Promise<void> {
  if (driver.kind !== 'filesystem') return;
  const isThere = await stat(driver.rootDirectory).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (isThere) return;
  const message = `no server is running, and there is no storage in ${driver.rootDirectory} (name the configuration with --config)`;
  throw new ControlError('unavailable', message);
}

function running(control: RemoteControl): CacheTarget {
  return {
    control,
    pulls: control,
    views: control,
    budget: control,
    access: control,
    bundles: control,
    recalls: control,
    policy: control,
    jobs: control,
    recordings: control,
    links: control,
    stopped: undefined,
    close: async () => {},
  };
}

/** @returns false without a running server */
async function isRunning(control: RemoteControl): Promise<boolean> {
  try {
    await control.scrubStatus();
    return true;
  } catch (err) {
    if (err instanceof ServerUnreachableError && NOT_RUNNING.includes(err.code)) return false;
    if (!(err instanceof ServerUnreachableError) || err.code !== 'EACCES') throw err;
    throw new ControlError(
      'denied',
      `${err.message} (run this as the user of the server, or use --server and --token-file)`,
    );
  }
}

function addressesOf(config: Config): string[] {
  const { listen, token, tokenFile } = config.admin;
  const socket = adminSocketPath(config);
  const isOnMain = !listen && (token !== undefined || tokenFile !== undefined);
  const { http } = config;
  return [
    ...(socket === undefined ? [] : [`unix:${socket}`]),
    ...(listen ? [urlOf(listen, 'http')] : []),
    ...(isOnMain ? [urlOf(http.listen, http.tls ? 'https' : 'http')] : []),
  ];
}

function urlOf(listen: Listen, scheme: string): string {
  if (listen.net === 'unix') return `unix:${listen.path}`;
  const isAny = listen.host === undefined || listen.host === '0.0.0.0' || listen.host === '::';
  const host = isAny ? '127.0.0.1' : (listen.host ?? '');
  return `${scheme}://${host.includes(':') ? `[${host}]` : host}:${listen.port}`;
}

async function tokenOf({ admin }: Config): Promise<string | undefined> {
  if (admin.tokenFile === undefined) return admin.token;
  return (await readFile(admin.tokenFile, 'utf8').catch(() => '')).trim() || undefined;
}
