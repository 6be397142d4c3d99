import { relative, resolve } from 'node:path';

import type { Config, Listen } from '../config/config.ts';

/** What keeps the service from starting: the key, the reason, and the way out. */
class StartError extends Error {
  override readonly name = 'StartError';
  /** As of the system's error. */
  readonly code: string;

  constructor(code: string, message: string, cause: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

/** The system's error of a start with the key of the configuration that it is about. Another error is returned unchanged. */
export function explainStart(error: unknown, config: Config): unknown {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return error;
  const failure = error as NodeJS.ErrnoException & ListenFailure;
  const message = failure.syscall === 'listen' ? explainListen(failure, config) : explainPath(failure, config);
  return message === undefined ? error : new StartError(error.code, message, error);
}

interface ListenFailure {
  /** Of the host, or the path of a socket. */
  readonly address?: string | undefined;
  /** Absent for a socket. */
  readonly port?: number | undefined;
}

type Refused = NodeJS.ErrnoException & ListenFailure;

function explainListen({ code, address = '', port }: Refused, config: Config): string | undefined {
  const key = keyOfAddress({ address, port }, config);
  if (key === undefined) return undefined;
  const place = port === undefined || port < 0 ? address : `port ${port}`;
  switch (code) {
    case 'EADDRINUSE':
      return `${key}: ${place} is already in use (set ${key} or stop the other process)`;
    case 'EADDRNOTAVAIL':
      return `${key}: ${address} is not an address of this machine (set ${key}, for example to :5000)`;
    case 'EACCES':
      return `${key}: the user of this process may not listen on ${place} (set ${key}, or grant CAP_NET_BIND_SERVICE)`;
    default:
      return `${key}: cannot listen on ${place}: ${code} (set ${key})`;
  }
}

function keyOfAddress({ address, port }: ListenFailure, { http, admin }: Config): string | undefined {
  const places: readonly (readonly [key: string, listen: Listen | undefined])[] = [
    ['http.addr', http.listen],
    ['http.debug.addr', http.debug?.listen],
    ['admin.addr', admin.listen],
  ];
  return places.find(([, listen]) =>
    listen?.net === 'unix' ? listen.path === address : listen !== undefined && listen.port === port,
  )?.[0];
}

const REASONS: Readonly<Record<string, string>> = {
  ENOTDIR: 'a part of the path is a file, not a directory',
  EEXIST: 'it is a file, not a directory',
  ENOENT: 'it does not exist',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
};

function explainPath({ code = '', path }: NodeJS.ErrnoException, config: Config): string | undefined {
  const reason = REASONS[code];
  if (path === undefined || reason === undefined) return undefined;
  const [key, directory] = directoriesOf(config).find(([, each]) => each !== undefined && isBelow(path, each)) ?? [];
  if (key === undefined || directory === undefined) return undefined;
  return `${key}: cannot use ${resolve(directory)}: ${reason} (set ${key} to a directory that this process may write)`;
}

function directoriesOf({ storage, proxy }: Config): readonly (readonly [key: string, path: string | undefined])[] {
  const { driver, indexDirectory, tier } = storage;
  return [
    ['proxy.fills.directory', proxy?.fills.directory],
    ['storage.index.directory', indexDirectory],
    ['storage.tier.directory', tier?.directory],
    ['storage.filesystem.rootdirectory', driver.kind === 'filesystem' ? driver.rootDirectory : undefined],
  ];
}

function isBelow(path: string, directory: string): boolean {
  const between = relative(resolve(directory), resolve(path));
  return between !== '..' && !between.startsWith('../');
}
