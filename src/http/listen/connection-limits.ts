import type { Server, Socket } from 'node:net';

import type { Clients } from '../client/client-address.ts';
import { Tally } from './concurrency-limit.ts';

export interface ConnectionLimits {
  /** 0: no limit. */
  readonly maxConnections: number;
  /** Of one peer that is no trusted proxy. 0: no limit. */
  readonly maxConnectionsPerClient: number;
}

/**
 * Closes connections beyond the limits as they come, before a byte is read from them.
 *
 * @param onRefused told of each
 */
export function limitConnections(
  server: Server,
  { maxConnections, maxConnectionsPerClient }: ConnectionLimits,
  { clients, onRefused }: { clients: Clients; onRefused: (address: string | undefined) => void },
): void {
  if (maxConnections > 0) server.maxConnections = maxConnections;
  server.on('drop', (data) => onRefused(data?.remoteAddress));
  const tally = new Tally(maxConnectionsPerClient);
  server.prependListener('connection', (socket: Socket) => {
    const peer = clients.peerOf(socket);
    const address = peer.isTrusted ? undefined : peer.address;
    if (tally.enter(address)) socket.once('close', () => tally.leave(address));
    else {
      onRefused(address);
      socket.destroy();
    }
  });
}
