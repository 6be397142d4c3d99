import type { Server, Socket } from 'node:net';

import type { Clients } from '../client/client-address.ts';
import { ConcurrencyLimit } from './concurrency-limit.ts';

export interface ConnectionLimits {
  /** 0: no limit. */
  readonly maxConnections: number;
  /** Connections of one peer that is not a trusted proxy. 0: no limit. */
  readonly maxConnectionsPerClient: number;
}

/**
 * Closes connections beyond the limits when they open, before a byte is read from them.
 *
 * @param onRefused called for each of them
 */
export function limitConnections(
  server: Server,
  { maxConnections, maxConnectionsPerClient }: ConnectionLimits,
  { clients, onRefused }: { clients: Clients; onRefused: (address: string | undefined) => void },
): void {
  if (maxConnections > 0) server.maxConnections = maxConnections;
  server.on('drop', (data) => onRefused(data?.remoteAddress));
  const limit = new ConcurrencyLimit(maxConnectionsPerClient);
  server.prependListener('connection', (socket: Socket) => {
    const peer = clients.peerOf(socket);
    const address = peer.isTrusted ? undefined : peer.address;
    if (limit.enter(address)) socket.once('close', () => limit.leave(address));
    else {
      onRefused(address);
      socket.destroy();
    }
  });
}
