import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';

import type { HttpConfig, TlsConfig } from '../../config/config.ts';
import { bind } from './bound-server.ts';
import { AcmeCertificate } from '../tls/acme-certificate.ts';
import { isChallenge } from '../tls/acme-challenges.ts';
import { certificateFiles, type CertificateLog } from '../tls/certificate-source.ts';
import { chooseConnections, isPreface, peek, type ServeConnection } from './choose-connections.ts';
import type { Clients } from '../client/client-address.ts';
import { limitConnections } from './connection-limits.ts';
import { drainConnections } from './drain.ts';
import { Http2 } from './http2.ts';
import { continuing, endingWithConnection } from './pipelined.ts';
import { respondClientError, refusal, refuseConnection } from './refuse-connection.ts';
import { cutStalledClients } from './stalled-clients.ts';
import { loadTlsContext, tlsContextVersion } from '../tls/tls-context.ts';
import { TlsReload } from '../tls/tls-reload.ts';

/** Pulling zstd:chunked layers takes up to 1024 ranges in one header. Bytes. */
const MAX_HEADER_SIZE = 64 * 1024;

/** Longest delay after `http.limits.headertimeout` until a slow header is noticed. Milliseconds. */
const HEADER_CHECK_MS = 5000;

const METHOD_NOT_ALLOWED = refusal(405, 'the operation is unsupported', { allow: 'GET, HEAD, OPTIONS' });

export interface ListenerEvents {
  readonly log: CertificateLog;
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

/** @throws when the address cannot be bound, such as `EADDRINUSE`, and when a TLS file cannot be read */
export async function listen(options: ListenOptions): Promise<Listener> {
  const { http, onRequest, clients, events } = options;
  const { limits, tls, http2: versions } = http;
  const peerOf = (socket: Socket | undefined) => (socket ? clients.peerOf(socket).name : '');
  const onStalled = (socket: Socket | undefined) => events.clientRefused('stalled', peerOf(socket));
  const secured = tls && (await createSecureServer(tls, options));
  const server = secured?.server ?? createServer(serverOptions(http));
  const http2 = new Http2(onRequest, { maxHeaderSize: MAX_HEADER_SIZE, onStalled, ...limits });
  if (secured) chooseConnections(server, 'secureConnection', byProtocol(secured.tls, http2));
  else if (versions.cleartext) {
    const timeoutMs = limits.headerMs;
    chooseConnections(server, 'connection', (socket, serve) => {
      peek(socket, { test: isPreface, yes: (chosen) => http2.serve(chosen), no: serve, timeoutMs });
    });
  }
  prepare(server, options, onStalled);
  const address = options.fd === undefined ? http.listen : ({ net: 'fd', fd: options.fd } as const);
  const binding = bind(server, address, { scheme: tls ? 'https' : 'http', mode: http.socketMode });
  const url = await binding.catch((err: unknown) => {
    secured?.stop();
    throw err;
  });
  secured?.acme?.start();
  return {
    url,
    async drain(timeoutMs) {
      secured?.stop();
      await drainConnections(server, http2.sessions, timeoutMs);
    },
  };
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
  { http: { limits }, onRequest, clients, events }: ListenOptions,
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

async function createSecureServer(tls: TlsConfig, { http, events: { log } }: ListenOptions) {
  const acme = tls.letsEncrypt && new AcmeCertificate(tls.letsEncrypt, log);
  await acme?.load();
  const source = acme ?? certificateFiles(tls);
  const version = await tlsContextVersion(tls, source);
  const server = createTlsServer({
    ...serverOptions(http),
    ...(await loadTlsContext(tls, source)),
    ALPNProtocols: http.http2.secure ? ['h2', 'http/1.1'] : ['http/1.1'],
    handshakeTimeout: http.limits.headerMs,
    requestCert: tls.clientCas.length > 0,
    rejectUnauthorized: tls.clientAuth === 'require-and-verify-client-cert' && tls.clientCas.length > 0,
  });
  if (acme) serveChallenges(server, acme, http.limits.headerMs);
  const reload = new TlsReload(server, tls, { source, log, version });
  return {
    server,
    tls,
    acme,
    stop() {
      reload.stop();
      acme?.stop();
    },
  };
}

/** Inspects handshakes only while a challenge is pending. */
function serveChallenges(server: Server, { challenges }: AcmeCertificate, timeoutMs: number): void {
  chooseConnections(server, 'connection', (socket, serve) => {
    if (!challenges.isPending) serve(socket);
    else peek(socket, { test: isChallenge, yes: (chosen) => challenges.serve(chosen), no: serve, timeoutMs });
  });
}

/** By the protocol that the client chose in the handshake (ALPN): RFC 7301. */
function byProtocol(tls: TlsConfig, http2: Http2) {
  return (connection: Socket, serveHttp1: ServeConnection): void => {
    const socket = connection as TLSSocket;
    if (isRefused(tls, socket)) socket.destroy();
    else if (socket.alpnProtocol === 'h2') http2.serve(socket);
    else serveHttp1(socket);
  };
}

function isRefused({ clientCas, clientAuth }: TlsConfig, socket: TLSSocket): boolean {
  if (clientCas.length === 0) return false;
  const hasCertificate = Object.keys(socket.getPeerCertificate()).length > 0;
  return (
    (clientAuth === 'require-any-client-cert' && !hasCertificate) ||
    (clientAuth === 'verify-client-cert-if-given' && hasCertificate && !socket.authorized)
  );
}
