import type { Socket } from 'node:net';

import type { Clients } from '../http/client/client-address.ts';
import { ConcurrencyLimit } from '../http/listen/concurrency-limit.ts';
import type { ConnectionLimits } from '../http/listen/connection-limits.ts';

interface Accepted {
  readonly worker: number;
  /** Absent when its number of connections is not limited. */
  readonly address: string | undefined;
}

/** Counts the connections that workers have, for the limits of all of them together. */
export class AcceptedConnections {
  readonly #limits: ConnectionLimits;
  readonly #clients: Clients;
  readonly #perClient: ConcurrencyLimit;
  readonly #open = new Map<number, Accepted>();
  #ids = 0;

  constructor(limits: ConnectionLimits, clients: Clients) {
    this.#limits = limits;
    this.#clients = clients;
    this.#perClient = new ConcurrencyLimit(limits.maxConnectionsPerClient);
  }

  /** @returns its number; undefined beyond a limit */
  open(socket: Socket, worker: number): number | undefined {
    const { maxConnections } = this.#limits;
    if (maxConnections > 0 && this.#open.size >= maxConnections) return undefined;
    const peer = this.#clients.peerOf(socket);
    const address = peer.isTrusted ? undefined : peer.address;
    if (!this.#perClient.enter(address)) return undefined;
    this.#open.set(++this.#ids, { worker, address });
    return this.#ids;
  }

  closed(id: number): void {
    const accepted = this.#open.get(id);
    if (accepted && this.#open.delete(id)) this.#perClient.leave(accepted.address);
  }

  /** The worker has ended, and with it its connections. */
  workerEnded(worker: number): void {
    for (const [id, accepted] of this.#open) if (accepted.worker === worker) this.closed(id);
  }
}
