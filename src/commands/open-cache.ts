import { readFile } from 'node:fs/promises';

import { RemoteControl, ServerUnreachableError } from '../admin/remote-control.ts';
import { adminSocketPath } from '../admin/api.ts';
import type { Config, Listen } from '../config/config.ts';
import type { Environment } from '../config/environment.ts';
import { loadConfig } from '../config/load.ts';
import type { CacheControl } from '../operations/cache-control.ts';
import { ControlError } from '../operations/control-error.ts';
import { openStoppedCache, type StoppedCache } from '../service/stopped-cache.ts';
import { createLog } from '../telemetry/log.ts';
import { openLogDestination } from '../telemetry/log-destination.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import { createTelemetry } from '../telemetry/telemetry.ts';

export interface TargetOptions {
  /** Path of the configuration. */
  readonly file: string | undefined;
  readonly env: Environment;
  /** Address of the admin API; `unix:<path>` for a socket. */
  readonly server?: string | undefined;
  readonly token?: string | undefined;
  readonly tokenFile?: string | undefined;
}

/** The cache that a command is about. */
export interface CacheTarget {
  readonly control: CacheControl;
  /** Undefined: a server answers. */
  readonly stopped: StoppedCache | undefined;
  close(): Promise<void>;
}

/** What connecting fails with when there is nobody, and not when there is somebody who is busy or does not let us. */
const NOBODY = ['ENOENT', 'ECONNREFUSED'];

/**
 * The running server if there is one: that of `--server`, or else of the configuration; else what it has left on disk.
 *
 * @throws {ControlError} · {ConfigError} · {ServerUnreachableError}
 */
export async function openCache(options: TargetOptions): Promise<CacheTarget> {
  const { file, env, server } = options;
  const token = options.tokenFile === undefined ? options.token : (await readFile(options.tokenFile, 'utf8')).trim();
  if (server !== undefined) return running(new RemoteControl({ url: server, token }));
  const { config } = await loadConfig({ file, env });
  for (const url of addressesOf(config)) {
    const control = new RemoteControl({ url, token: token ?? (await tokenOf(config)) });
    if (await answers(control)) return running(control);
  }
  return openStopped(config);
}

function running(control: CacheControl): CacheTarget {
  return { control, stopped: undefined, close: async () => {} };
}

async function openStopped(config: Config): Promise<CacheTarget> {
  // Stdout is for the answer.
  const log = createLog({ ...config.log, level: 'error' }, openLogDestination(2));
  const telemetry = createTelemetry({ log, metrics: createMetrics(), accessLog: false });
  const stopped = await openStoppedCache(config, telemetry);
  return {
    control: stopped.control,
    stopped,
    async close() {
      await stopped.close();
      await log.flush();
    },
  };
}

/** @returns false when nobody is there */
async function answers(control: CacheControl): Promise<boolean> {
  try {
    await control.scrubStatus();
    return true;
  } catch (err) {
    if (err instanceof ServerUnreachableError && NOBODY.includes(err.code)) return false;
    if (!(err instanceof ServerUnreachableError) || err.code !== 'EACCES') throw err;
    throw new ControlError(
      'denied',
      `${err.message}; run this as the user of the server, or with --server and --token`,
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
