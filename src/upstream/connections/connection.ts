import { connect as connectTcp, isIP, type LookupFunction, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { errors } from 'undici';

import { SocketReader } from './socket-reader.ts';

export interface ConnectOptions {
  /** Includes the time for TLS. Milliseconds. */
  readonly timeoutMs: number;
  readonly lookup: LookupFunction;
  readonly tls: Pick<ConnectionOptions, 'ca' | 'rejectUnauthorized'>;
}

export interface OpenOptions extends ConnectOptions {
  readonly origin: URL;
  /** Of an earlier connection. */
  readonly session: Buffer | undefined;
  readonly onSession: (session: Buffer) => void;
  readonly signal: AbortSignal;
}

const KEEP_ALIVE_PROBE_MS = 60_000;

/** A connection to an origin, for one exchange after another. */
export class Connection {
  readonly reader: SocketReader;
  readonly #socket: Socket;
  /** Whether an exchange has been completed on it. */
  isReused = false;

  constructor(socket: Socket, reader: SocketReader) {
    this.#socket = socket;
    this.reader = reader;
  }

  send(head: string): void {
    this.#socket.write(head, 'latin1');
  }

  /** While it is kept, it does not keep the process running. */
  keep(onActivity: () => void): void {
    this.#socket.unref();
    this.reader.watch(onActivity);
  }

  use(): void {
    this.#socket.ref();
    this.reader.unwatch();
    this.isReused = true;
  }

  close(): void {
    this.reader.close();
  }
}

/** @throws the error of the system, of TLS or of `lookup`; a `ConnectTimeoutError`; the reason of the signal */
export function openConnection(options: OpenOptions): Promise<Connection> {
  const { origin, timeoutMs, signal } = options;
  signal.throwIfAborted();
  const isTls = origin.protocol === 'https:';
  const reader = new SocketReader({ isTls });
  const socket = isTls ? openTls(options, reader) : connectTcp(addressOf(options, reader));
  socket.setNoDelay(true).setKeepAlive(true, KEEP_ALIVE_PROBE_MS);
  return new Promise((resolve, reject) => {
    const fail = (error: Error) => {
      settle();
      socket.destroy();
      reject(error);
    };
    const abort = () => fail(signal.reason as Error);
    const expire = () =>
      fail(new errors.ConnectTimeoutError(`Connect Timeout Error (${origin.host}, timeout: ${timeoutMs}ms)`));
    const timer = setTimeout(expire, timeoutMs);
    const settle = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
      socket.off('error', fail);
    };
    signal.addEventListener('abort', abort, { once: true });
    reader.attach(socket);
    socket.once('error', fail).once(isTls ? 'secureConnect' : 'connect', () => {
      settle();
      resolve(new Connection(socket, reader));
    });
  });
}

function openTls(options: OpenOptions, reader: SocketReader): TLSSocket {
  const { tls, session, onSession } = options;
  const address = addressOf(options, reader);
  const socket = connectTls({
    ...address,
    ...tls,
    ...(isIP(address.host) === 0 && { servername: address.host }),
    ...(session && { session }),
    ALPNProtocols: ['http/1.1'],
  });
  return socket.on('session', onSession);
}

function addressOf({ origin, lookup }: OpenOptions, { onread }: SocketReader) {
  const host = origin.hostname.replace(/^\[(.*)\]$/, '$1');
  const port = Number(origin.port) || (origin.protocol === 'https:' ? 443 : 80);
  return { host, port, lookup, onread };
}
