import type { RequestListener, Server } from 'node:http';
import type { Socket } from 'node:net';

import { http as nodeHttp } from '../../builtin/http.ts';
import type { HttpConfig } from '../../config/config.ts';
import { bind } from './bound-server.ts';
import type { CertificateEvents } from '../tls/certificate-source.ts';
import { chooseConnections, isPreface, peek } from './choose-connections.ts';
import type { Clients } from '../client/client-address.ts';
import { limitConnections } from './connection-limits.ts';
import { drainConnections } from './drain.ts';
import { Http2 } from './http2.ts';
import { continuing, endingWithConnection } from './pipelined.ts';
import { respondClientError, refusal, refuseConnection } from './refuse-connection.ts';
import { cutStalledClients } from './stalled-clients.ts';

/** Pulling zstd:chunked layers takes up to 1024 ranges in one header. Bytes. */
const MAX_HEADER_SIZE = 64 * 1024;

/** Longest delay after `http.limits.headertimeout` until a slow header is noticed. Milliseconds. */
const HEADER_CHECK_MS = 5000;

const METHOD_NOT_ALLOWED = refusal(405, 'the operation is unsupported', { allow: 'GET, HEAD, OPTIONS' });

export interface ListenerEvents extends CertificateEvents {
  /** @param client address of the client */
  clientRefused(reason: 'stalled' | 'connections', client: string): void;
}

export interface ListenOptions {
  readonly http: HttpConfig;
  readonly onRequest: RequestListener;
  readonly clients: Clients;
  readonly events: ListenerEvents;
  /** File descriptor of a bound socket, used instead of `http.addr`. */
  readonly fd?: number | undefined;
}

export interface Listener {
  /** Such as `http://127.0.0.1:5000`; `unix:<path>` for a socket. */
  readonly url: string;
  /** Stops accepting connections, and ends running requests after the timeout. */
  drain(timeoutMs: number): Promise<void>;
}

/** A server without an address. */
export interface ClientServer {
  readonly server: Server;
  /** Called when it listens. */
  start(): void;
  /** Called instead of {@link drain} when it cannot listen. */
  stop(): void;
  /**
   * Stops accepting connections, and ends running requests after the timeout.
   *
   * @param handedOver resolves when all connections are closed that the server did not accept itself
   */
  drain(timeoutMs: number, handedOver?: Promise<void>): Promise<void>;
}

/** @throws when the address cannot be bound, such as `EADDRINUSE`, and when a TLS file cannot be read */
export async function listen(options: ListenOptions): Promise<Listener> {
  const { http } = options;
  const opened = await openClientServer(options);
  const address = options.fd === undefined ? http.listen : ({ net: 'fd', fd: options.fd } as const);
  const binding = bind(opened.server, address, { scheme: http.tls ? 'https' : 'http', mode: http.socketMode });
  const url = await binding.catch((err: unknown) => {
    opened.stop();
    throw err;
  });
  opened.start();
  return { url, drain: (timeoutMs) => opened.drain(timeoutMs) };
}

/** Creates the server for clients, of HTTP/1 and HTTP/2, with its limits. @throws when a TLS file cannot be read */
export async function openClientServer(options: Omit<ListenOptions, 'fd'>): Promise<ClientServer> {
  const { http, onRequest, clients, events } = options;
  const { limits, http2: versions } = http;
  const peerOf = (socket: Socket | undefined) => (socket ? clients.peerOf(socket).name : '');
  const onStalled = (socket: Socket | undefined) => events.clientRefused('stalled', peerOf(socket));
  const secured = await openIfSecure(options);
  const server = secured?.server ?? nodeHttp.createServer(serverOptions(http));
  const http2 = new Http2(onRequest, { maxHeaderSize: MAX_HEADER_SIZE, onStalled, ...limits });
  if (secured) secured.serveHttp2(http2);
  else if (versions.cleartext) {
    const timeoutMs = limits.headerMs;
    chooseConnections(server, 'connection', (socket, serve) => {
      peek(socket, { test: isPreface, yes: (chosen) => http2.serve(chosen), no: serve, timeoutMs });
    });
  }
  prepare(server, options, onStalled);
  return {
    server,
    start: () => secured?.acme?.start(),
    stop: () => secured?.stop(),
    async drain(timeoutMs, handedOver) {
      secured?.stop();
      await drainConnections(server, http2.sessions, { timeoutMs, handedOver });
    },
  };
}

/** Loads TLS and ACME when they are configured. */
async function openIfSecure({ http, events }: Pick<ListenOptions, 'http' | 'events'>) {
  if (!http.tls) return undefined;
  const { openSecureServer } = await import('./secure-server.ts');
  return openSecureServer({ tls: http.tls, http, events, server: serverOptions(http) });
}

function serverOptions({ limits }: HttpConfig) {
  return {
    maxHeaderSize: MAX_HEADER_SIZE,
    // The dispatcher does this, with an error of the registry.
    requireHostHeader: false,
    headersTimeout: limits.headerMs,
    // A push may take hours. Requests without progress end by `stallMs`.
    requestTimeout: 0,
    keepAliveTimeout: limits.idleMs,
    connectionsCheckingInterval: Math.min(HEADER_CHECK_MS, Math.ceil(limits.headerMs / 4)),
  };
}

function prepare(
  server: Server,
  { http: { limits }, onRequest, clients, events }: Omit<ListenOptions, 'fd'>,
  onStalled: (socket: Socket) => void,
): void {
  limitConnections(server, limits, {
    clients,
    onRefused: (address) => events.clientRefused('connections', address ?? 'unix'),
  });
  cutStalledClients(server, limits.stallMs, onStalled);
  server.on('clientError', respondClientError);
  const handle = endingWithConnection(onRequest);
  server.on('request', handle);
  server.on('checkContinue', continuing(handle));
  // RFC 9110, section 10.1.1: other expectations than 100-continue may be ignored.
  server.on('checkExpectation', handle);
  // Without a listener Node would cut the connection.
  server.on('connect', (_req, socket: Socket) => refuseConnection(socket, METHOD_NOT_ALLOWED));
}
