import { once } from 'node:events';
import { readFile, rm } from 'node:fs/promises';
import { createServer, type RequestListener, type Server, type ServerResponse, STATUS_CODES } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Socket } from 'node:net';

import type { HttpConfig, Listen, TlsConfig } from '../config/config.ts';

/** Above the 60 s after which usual load balancers drop an idle connection, so that they and not we close it. Milliseconds. */
const KEEP_ALIVE_MS = 75_000;
const HEADERS_TIMEOUT_MS = 60_000;

const SERVER_OPTIONS = {
  /** Pulling zstd:chunked layers takes up to 1024 ranges in one header. Bytes. */
  maxHeaderSize: 64 * 1024,
  /** The dispatcher does it, with an error of the registry. */
  requireHostHeader: false,
};

export interface Listener {
  readonly server: Server;
  /** Such as `http://127.0.0.1:5000`; `unix:<path>` for a socket. */
  readonly url: string;
}

/** @throws what listening failed with, such as `EADDRINUSE` */
export async function listen(
  { listen: address, tls }: Pick<HttpConfig, 'listen' | 'tls'>,
  onRequest: RequestListener,
): Promise<Listener> {
  const server = tls ? await createSecureServer(tls, onRequest) : createServer(SERVER_OPTIONS, onRequest);
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  server.headersTimeout = HEADERS_TIMEOUT_MS;
  server.on('clientError', answerClientError);
  // RFC 9110, section 10.1.1: what is expected of us beyond 100-continue may be passed over.
  server.on('checkExpectation', onRequest);
  // Without it the connection would be cut. There is no endpoint that it could be for.
  server.on('connect', (_req, socket: Socket) => refuse(socket, 405));
  if (address.net === 'unix') {
    await rm(address.path, { force: true }); // left by a process that was killed
    server.listen(address.path);
  } else server.listen(address.port, address.host);
  await once(server, 'listening');
  return { server, url: urlOf(server, address, tls ? 'https' : 'http') };
}

async function createSecureServer(tls: TlsConfig, onRequest: RequestListener): Promise<Server> {
  const server = createTlsServer({ ...SERVER_OPTIONS, ...(await loadTls(tls)) }, onRequest);
  server.on('secureConnection', (socket) => {
    const hasCertificate = Object.keys(socket.getPeerCertificate()).length > 0;
    const refused =
      (tls.clientAuth === 'require-any-client-cert' && !hasCertificate) ||
      (tls.clientAuth === 'verify-client-cert-if-given' && hasCertificate && !socket.authorized);
    if (tls.clientCas.length > 0 && refused) socket.destroy();
  });
  return server;
}

async function loadTls({ certificate, key, clientCas, clientAuth, minimumVersion }: TlsConfig) {
  const ca = await Promise.all(clientCas.map((file) => readFile(file)));
  return {
    cert: await readFile(certificate),
    key: await readFile(key),
    minVersion: minimumVersion,
    ...(ca.length > 0 && {
      ca,
      requestCert: true,
      rejectUnauthorized: clientAuth === 'require-and-verify-client-cert',
    }),
  };
}

function urlOf(server: Server, address: Listen, scheme: string): string {
  if (address.net === 'unix') return `unix:${address.path}`;
  const bound = server.address();
  if (bound === null || typeof bound === 'string') return `unix:${bound}`;
  const host = bound.family === 'IPv6' ? `[${bound.address}]` : bound.address;
  return `${scheme}://${host}:${bound.port}`;
}

const CLIENT_ERROR_STATUS: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
};

/** What is not even HTTP gets an error of the registry all the same. */
function answerClientError(err: NodeJS.ErrnoException, socket: AnsweringSocket): void {
  const { _httpMessage: underWay } = socket;
  // An error in the middle of another answer would be taken for its bytes.
  if (err.code === 'ECONNRESET' || !socket.writable || underWay?.headersSent) {
    socket.destroy();
    return;
  }
  refuse(socket, CLIENT_ERROR_STATUS[err.code ?? ''] ?? 400);
}

/** What Node's own handler of `clientError` looks at; there is no other way from a socket to its answer. */
interface AnsweringSocket extends Socket {
  readonly _httpMessage?: ServerResponse | null;
}

function refuse(socket: Socket, status: number): void {
  const message = status === 405 ? 'the operation is unsupported' : 'not a valid HTTP request';
  const body = JSON.stringify({ errors: [{ code: 'UNSUPPORTED', message }] });
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Docker-Distribution-Api-Version: registry/2.0',
    ...(status === 405 ? ['Allow: GET, HEAD, OPTIONS'] : []),
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}
