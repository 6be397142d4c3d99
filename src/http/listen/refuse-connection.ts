import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

import { http } from '../../builtin/http.ts';
import { RegistryError } from '../../oci/errors.ts';
import { SECURITY_HEADERS } from './security-headers.ts';

/** A socket with the response in progress, in the field that Node's own handler of `clientError` reads. */
export interface RespondingSocket extends Socket {
  readonly _httpMessage?: ServerResponse | null;
}

/** Time for the client to read the response and close the connection. Milliseconds. */
const LINGER_MS = 2000;

/**
 * Sends an error on a connection of HTTP/1 without a complete request, and ends the connection.
 *
 * Only ends it when a response is in progress: the client would take the error for part of that.
 */
export function refuseConnection(socket: RespondingSocket, error: RegistryError): void {
  const { _httpMessage: inProgress } = socket;
  if (!socket.writable || inProgress?.headersSent) {
    socket.destroy();
    return;
  }
  const { status } = error;
  const body = JSON.stringify(error);
  const head = [
    `HTTP/1.1 ${status} ${http.STATUS_CODES[status]}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Docker-Distribution-Api-Version: registry/2.0',
    ...Object.entries<string | string[]>({ ...SECURITY_HEADERS, ...error.options.headers }).map(
      ([name, value]) => `${name}: ${String(value)}`,
    ),
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
  // Unread bytes would make the system reset the connection, and the client would lose the response.
  socket.resume();
  const lingering = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once('close', () => clearTimeout(lingering));
}

const CLIENT_ERRORS: Readonly<Record<string, RegistryError>> = {
  HPE_HEADER_OVERFLOW: refusal(431, 'the header is too large'),
  ERR_HTTP_REQUEST_TIMEOUT: refusal(408, 'the request took too long'),
};
const NOT_HTTP = refusal(400, 'not a valid HTTP request');

/** For `clientError`: even bytes that are not HTTP get an error of the registry. */
export function respondClientError(err: NodeJS.ErrnoException, socket: Socket): void {
  if (err.code === 'ECONNRESET') socket.destroy();
  else refuseConnection(socket, CLIENT_ERRORS[err.code ?? ''] ?? NOT_HTTP);
}

/** An error of the connection, for which the distribution spec has no code. */
export function refusal(
  status: number,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): RegistryError {
  return new RegistryError('UNSUPPORTED', message, { status, headers });
}
