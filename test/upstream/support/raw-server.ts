import type { Socket } from 'node:net';

import { startTcp } from './tcp-server.ts';

/** A TCP server that calls `respond` when it has received something. */
export function startRaw(respond: (socket: Socket) => void) {
  return startTcp((socket) => void socket.once('data', () => respond(socket)));
}
