import { once } from 'node:events';
import { chmod, lstat, mkdir, rm } from 'node:fs/promises';
import type { Server as HttpServer } from 'node:http';
import { connect, type Server } from 'node:net';
import { dirname } from 'node:path';

import type { Listen } from '../../config/config.ts';

/** Where to listen; `fd` is a socket that is already bound. */
export type BindAddress = Listen | { readonly net: 'fd'; readonly fd: number };

export interface BindOptions {
  /** Permissions of a unix socket, set before it accepts connections. @default from the umask of the process */
  readonly mode?: number | undefined;
  /** Of the URL. @default 'http' */
  readonly scheme?: 'http' | 'https';
}

/**
 * Starts listening. The socket file of a killed process is replaced; one that is in use, or another kind of file, is not.
 *
 * @returns such as `http://127.0.0.1:5000`; `unix:<path>` for a socket
 * @throws when the address cannot be bound, such as `EADDRINUSE`
 */
export async function bind(server: Server, address: BindAddress, options: BindOptions = {}): Promise<string> {
  if (address.net === 'unix') {
    await bindToPath(server, address.path, options.mode);
    return `unix:${address.path}`;
  }
  if (address.net === 'fd') server.listen({ fd: address.fd });
  else server.listen(address.port, address.host);
  await once(server, 'listening');
  return urlOf(server, options.scheme);
}

function urlOf(server: Server, scheme = 'http'): string {
  const bound = server.address();
  if (bound === null || typeof bound === 'string') return `unix:${bound}`;
  const host = bound.family === 'IPv6' ? `[${bound.address}]` : bound.address;
  return `${scheme}://${host}:${bound.port}`;
}

/** Closes a server with all of its connections. */
export async function closeNow(server: HttpServer): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}

async function bindToPath(server: Server, path: string, mode: number | undefined): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  if (await isAbandoned(path)) await rm(path, { force: true });
  const before = mode === undefined ? undefined : process.umask(0o777 & ~mode);
  try {
    server.listen(path);
  } finally {
    if (before !== undefined) process.umask(before);
  }
  await once(server, 'listening');
  if (mode !== undefined) await chmod(path, mode);
}

/** Whether a path is a socket on which no process listens. */
async function isAbandoned(path: string): Promise<boolean> {
  const found = await lstat(path).catch(() => undefined);
  if (!found?.isSocket()) return false;
  const socket = connect(path);
  try {
    await once(socket, 'connect');
    return false;
  } catch {
    return true;
  } finally {
    socket.destroy();
  }
}
