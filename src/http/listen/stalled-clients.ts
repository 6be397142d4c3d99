import type { IncomingMessage, Server } from 'node:http';
import { constants, type ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';

import { type AnsweringSocket, refusal, refuseConnection } from './refuse-connection.ts';

const STALLED = refusal(408, 'no byte of the request has come for too long');

/**
 * Cuts off clients of HTTP/1 of whom, in the middle of a request or an answer, nothing was heard for so long.
 *
 * A connection is silent as well while the upstream or the storage is waited for; that is not the client's doing.
 *
 * @param onStalled told before the connection ends
 */
export function cutStalledClients(server: Server, stallMs: number, onStalled: (socket: Socket) => void): void {
  server.timeout = stallMs;
  server.on('timeout', (socket: AnsweringSocket) => {
    const { _httpMessage: res } = socket;
    if (!res) {
      socket.destroy(); // idle between two requests
    } else if (isTakingNothing(socket) || isSendingNothing(res.req)) {
      onStalled(socket);
      refuseConnection(socket, STALLED);
    } else socket.setTimeout(stallMs);
  });
}

/** The same for one stream of HTTP/2. */
export function cutStalledStream(stream: ServerHttp2Stream, stallMs: number, onStalled: () => void): void {
  stream.setTimeout(stallMs);
  stream.on('timeout', () => {
    if (stream.writableLength > 0 || isAwaited(stream)) {
      onStalled();
      stream.close(constants.NGHTTP2_CANCEL);
    } else stream.setTimeout(stallMs);
  });
}

/** We have bytes that the client does not take. */
function isTakingNothing(socket: Socket): boolean {
  return socket.writableLength > 0;
}

/** We want bytes that the client does not send. A full buffer means that we are the slow ones. */
function isSendingNothing(req: IncomingMessage): boolean {
  return !req.complete && req.readableLength < req.readableHighWaterMark;
}

function isAwaited(stream: ServerHttp2Stream): boolean {
  return !stream.readableEnded && !stream.endAfterHeaders && stream.readableLength < stream.readableHighWaterMark;
}
