import { type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';

import { RegistryError } from '../../oci/errors.ts';
import { SECURITY_HEADERS } from './security-headers.ts';

/** What Node's own handler of `clientError` looks at; there is no other way from a socket to its answer. */
export interface AnsweringSocket extends Socket {
  readonly _httpMessage?: ServerResponse | null;
}

/** How long a connection that was answered may still take to go away by itself, so that the client can read why. Milliseconds. */
const LINGER_MS = 2000;

/**
 * Answers a connection of HTTP/1 that has no request to answer, or one that will not be whole, and ends it.
 *
 * Does no more than end it when another answer is already on its way: an error in the middle would be taken for its bytes.
 */
export function refuseConnection(socket: AnsweringSocket, error: RegistryError): void {
  const { _httpMessage: underWay } = socket;
  if (!socket.writable || underWay?.headersSent) {
    socket.destroy();
    return;
  }
  const { status } = error;
  const body = JSON.stringify(error);
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Docker-Distribution-Api-Version: registry/2.0',
    ...Object.entries<string | string[]>({ ...SECURITY_HEADERS, ...error.options.headers }).map(
      ([name, value]) => `${name}: ${String(value)}`,
    ),
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
  // Bytes that nobody reads would make the system reset the connection, and the answer would be lost.
  socket.resume();
  const lingering = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once('close', () => clearTimeout(lingering));
}

const CLIENT_ERRORS: Readonly<Record<string, RegistryError>> = {
  HPE_HEADER_OVERFLOW: refusal(431, 'the header is too long'),
  ERR_HTTP_REQUEST_TIMEOUT: refusal(408, 'the request took too long'),
};
const NOT_HTTP = refusal(400, 'not a valid HTTP request');

/** For `clientError`: what is not even HTTP gets an error of the registry all the same. */
export function answerClientError(err: NodeJS.ErrnoException, socket: Socket): void {
  if (err.code === 'ECONNRESET') socket.destroy();
  else refuseConnection(socket, CLIENT_ERRORS[err.code ?? ''] ?? NOT_HTTP);
}

/** An error of the connection, for which the specification has no code. */
export function refusal(
  status: number,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): RegistryError {
  return new RegistryError('UNSUPPORTED', message, { status, headers });
}
