import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';

import type { HttpConfig, TlsConfig } from '../../config/config.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import { bind } from './bound-server.ts';
import { AcmeCertificate } from '../tls/acme-certificate.ts';
import { isChallenge } from '../tls/acme-challenges.ts';
import { certificateFiles } from '../tls/certificate-source.ts';
import { chooseConnections, isPreface, peek, type ServeConnection } from './choose-connections.ts';
import type { Clients } from '../client/client-address.ts';
import { limitConnections } from './connection-limits.ts';
import { drainConnections } from './drain.ts';
import { Http2 } from './http2.ts';
import { continuing, endingWithConnection } from './pipelined.ts';
import { answerClientError, refusal, refuseConnection } from './refuse-connection.ts';
import { cutStalledClients } from './stalled-clients.ts';
import { loadTlsContext, tlsContextVersion } from '../tls/tls-context.ts';
import { TlsReload } from '../tls/tls-reload.ts';

/** Pulling zstd:chunked layers takes up to 1024 ranges in one header. Bytes. */
const MAX_HEADER_SIZE = 64 * 1024;

/** How much later than configured a slow header is noticed, at most. Milliseconds. */
const HEADER_CHECK_MS = 5000;

const METHOD_REFUSED = refusal(405, 'the operation is unsupported', { allow: 'GET, HEAD, OPTIONS' });

export interface ListenOptions {
  readonly http: HttpConfig;
  readonly onRequest: RequestListener;
  readonly clients: Clients;
  readonly telemetry: Telemetry;
  /** A socket that is bound already. */
  readonly fd?: number | undefined;
}

export interface Listener {
  /** Such as `http://127.0.0.1:5000`; `unix:<path>` for a socket. */
  readonly url: string;
  /** Takes nothing new, and ends what runs when its time is up. */
  drain(timeoutMs: number): Promise<void>;
}

/** @throws what listening failed with, such as `EADDRINUSE` */
export async function listen(options: ListenOptions): Promise<Listener> {
  const { http, onRequest, clients, telemetry } = options;
  const { limits, tls, http2: versions } = http;
  const peerOf = (socket: Socket | undefined) => (socket ? clients.peerOf(socket).name : '');
  const onStalled = (socket: Socket | undefined) => telemetry.clientRefused('stalled', peerOf(socket));
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
  const url = await bind(server, options.fd === undefined ? http.listen : { net: 'fd', fd: options.fd }, {
    scheme: tls ? 'https' : 'http',
    mode: http.socketMode,
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
    /** The dispatcher does it, with an error of the registry. */
    requireHostHeader: false,
    headersTimeout: limits.headerMs,
    /** For the whole of a request; a push may take hours, as long as bytes keep coming. */
    requestTimeout: 0,
    keepAliveTimeout: limits.idleMs,
    connectionsCheckingInterval: Math.min(HEADER_CHECK_MS, Math.ceil(limits.headerMs / 4)),
  };
}

function prepare(
  server: Server,
  { http: { limits }, onRequest, clients, telemetry }: ListenOptions,
  onStalled: (socket: Socket) => void,
): void {
  limitConnections(server, limits, {
    clients,
    onRefused: (address) => telemetry.clientRefused('connections', address ?? 'unix'),
  });
  cutStalledClients(server, limits.stallMs, onStalled);
  server.on('clientError', answerClientError);
  const handle = endingWithConnection(onRequest);
  server.on('request', handle);
  server.on('checkContinue', continuing(handle));
  // RFC 9110, section 10.1.1: what is expected of us beyond 100-continue may be passed over.
  server.on('checkExpectation', handle);
  // Without it the connection would be cut. There is no endpoint that it could be for.
  server.on('connect', (_req, socket: Socket) => refuseConnection(socket, METHOD_REFUSED));
}

async function createSecureServer(tls: TlsConfig, { http, telemetry: { log } }: ListenOptions) {
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
  if (acme) answerChallenges(server, acme, http.limits.headerMs);
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

/** Handshakes are looked into only while the authority is expected. */
function answerChallenges(server: Server, { challenges }: AcmeCertificate, timeoutMs: number): void {
  chooseConnections(server, 'connection', (socket, serve) => {
    if (!challenges.isPending) serve(socket);
    else peek(socket, { test: isChallenge, yes: (chosen) => challenges.serve(chosen), no: serve, timeoutMs });
  });
}

/** As the client asked for it in the handshake (ALPN). RFC 7301. */
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
