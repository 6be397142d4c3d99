import type { IncomingMessage, Server } from 'node:http';
import type { ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';

import { http2 } from '../../builtin/http2.ts';
import { type RespondingSocket, refusal, refuseConnection } from './refuse-connection.ts';

const STALLED = refusal(408, 'no byte of the request was received for too long');

/**
 * Disconnects clients of HTTP/1 that neither send nor take a byte in the middle of a request or a response.
 *
 * A connection that is silent because Layover waits for an upstream or for storage stays open.
 *
 * @param onStalled called before the connection ends
 */
export function cutStalledClients(server: Server, stallMs: number, onStalled: (socket: Socket) => void): void {
  server.timeout = stallMs;
  server.on('timeout', (socket: RespondingSocket) => {
    const { _httpMessage: res } = socket;
    if (!res) {
      socket.destroy(); // idle between two requests
    } else if (hasUntakenBytes(socket) || isWaitingForBytes(res.req)) {
      onStalled(socket);
      refuseConnection(socket, STALLED);
    } else socket.setTimeout(stallMs);
  });
}

/** {@link cutStalledClients} for one stream of HTTP/2. */
export function cutStalledStream(stream: ServerHttp2Stream, stallMs: number, onStalled: () => void): void {
  stream.setTimeout(stallMs);
  stream.on('timeout', () => {
    if (stream.writableLength > 0 || isStreamWaitingForBytes(stream)) {
      onStalled();
      stream.close(http2().constants.NGHTTP2_CANCEL);
    } else stream.setTimeout(stallMs);
  });
}

function hasUntakenBytes(socket: Socket): boolean {
  return socket.writableLength > 0;
}

/** A full buffer means that Layover is slow, not the client. */
function isWaitingForBytes(req: IncomingMessage): boolean {
  return !req.complete && req.readableLength < req.readableHighWaterMark;
}

function isStreamWaitingForBytes(stream: ServerHttp2Stream): boolean {
  return !stream.readableEnded && !stream.endAfterHeaders && stream.readableLength < stream.readableHighWaterMark;
}
