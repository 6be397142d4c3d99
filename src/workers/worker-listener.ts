import type { IncomingMessage, RequestListener } from 'node:http';
import { createServer, type Socket } from 'node:net';

import { http as nodeHttp } from '../builtin/http.ts';
import type { HttpConfig } from '../config/config.ts';
import type { Clients } from '../http/client/client-address.ts';
import { bind, closeNow } from '../http/listen/bound-server.ts';
import type { Listener, ListenerEvents } from '../http/listen/listener.ts';
import type { ActivityBatch } from '../monitoring/activity.ts';
import type { PullRecord } from '../audit/pull-record.ts';
import { AcceptedConnections } from './accepted-connections.ts';
import { takeHandedOver } from './handed-over.ts';
import type { ReportedUse } from './protocol.ts';
import type { WorkerPool } from './worker-pool.ts';

export interface WorkerListenerOptions {
  readonly http: HttpConfig;
  /** Serves the requests that workers forward. */
  readonly onRequest: RequestListener;
  readonly clients: Clients;
  readonly events: ListenerEvents;
  /** File descriptor of a bound socket, used instead of `http.addr`. */
  readonly fd: number | undefined;
  /** The worker that forwarded the request. */
  readonly onForwarded: (req: IncomingMessage, worker: number) => void;
  readonly onUsed: (use: ReportedUse) => void;
  readonly onPulled: (pulls: readonly PullRecord[]) => void;
  readonly onSeen: (activity: ActivityBatch) => void;
}

/** More than a client's largest header with the facts of the worker. Bytes. */
const MAX_HEADER_SIZE = 128 * 1024;

/** Accepts the connections of clients, and gives them to workers in turn. @throws when the address cannot be bound, or a worker not started */
export async function listenWithWorkers(pool: WorkerPool, options: WorkerListenerOptions): Promise<Listener> {
  const { http, clients } = options;
  const forwarded = createForwardedServer(options);
  await bind(forwarded, { net: 'unix', path: pool.mainSocket }, { mode: 0o600 });
  const accepted = new AcceptedConnections(http.limits, clients);
  const waiting: Socket[] = [];
  const give = (socket: Socket) => giveToWorker(socket, { pool, accepted, waiting, ...options });
  await pool.start({
    ready: () => waiting.splice(0).forEach(give),
    closed: (ids) => ids.forEach((id) => accepted.closed(id)),
    ended: (worker, untaken) => {
      accepted.workerEnded(worker);
      untaken.forEach(give);
    },
    used: options.onUsed,
    pulled: options.onPulled,
    seen: options.onSeen,
  });
  // The worker reads, and ends the connection.
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true, noDelay: true }, give);
  const address = options.fd === undefined ? http.listen : ({ net: 'fd', fd: options.fd } as const);
  const url = await bind(server, address, { scheme: http.tls ? 'https' : 'http', mode: http.socketMode });
  return {
    url,
    async drain(timeoutMs) {
      server.close();
      for (const socket of waiting) socket.destroy();
      await pool.drain(timeoutMs);
      await closeNow(forwarded);
    },
  };
}

interface Giving {
  readonly pool: WorkerPool;
  readonly accepted: AcceptedConnections;
  /** Connections without a ready worker. */
  readonly waiting: Socket[];
  readonly http: HttpConfig;
  readonly events: ListenerEvents;
}

function giveToWorker(socket: Socket, { pool, accepted, waiting, http, events }: Giving): void {
  const { maxConnections } = http.limits;
  const worker = pool.next();
  socket.on('error', () => {});
  if (!worker && (maxConnections === 0 || waiting.length < maxConnections)) {
    waiting.push(socket);
    return;
  }
  const { remoteAddress } = socket;
  const id = worker && accepted.open(socket, worker.number);
  if (worker && id !== undefined) return worker.give(id, socket);
  events.clientRefused('connections', remoteAddress ?? 'unix');
  socket.destroy();
}

/** The server for workers, who enforce limits and timeouts towards clients. */
function createForwardedServer({ onRequest, onForwarded }: WorkerListenerOptions) {
  const server = nodeHttp.createServer(
    {
      maxHeaderSize: MAX_HEADER_SIZE,
      requireHostHeader: false,
      headersTimeout: 0,
      requestTimeout: 0,
      keepAliveTimeout: 0,
    },
    (req, res) => {
      const worker = takeHandedOver(req);
      if (worker === undefined) return void req.socket.destroy();
      onForwarded(req, worker);
      onRequest(req, res);
    },
  );
  server.maxHeadersCount = 0;
  return server;
}
