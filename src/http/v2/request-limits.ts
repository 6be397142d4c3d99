import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';

import { RegistryError } from '../../oci/errors.ts';
import { respondError } from './respond-error.ts';
import type { RequestEvents } from './request-events.ts';
import type { Clients } from '../client/client-address.ts';
import { recordExchange } from './exchange.ts';
import { ConcurrencyLimit } from '../listen/concurrency-limit.ts';

/** `Retry-After` of a refused request. Milliseconds. */
const RETRY_AFTER_MS = 1000;

/** Resolves when all work for the request has ended. Absent when that is the end of its response. */
export type ServeRequest = (req: IncomingMessage, res: ServerResponse) => Promise<void> | undefined;

export interface RequestLimitsOptions {
  /** Concurrent requests of one client. 0: no limit. */
  readonly maxRequestsPerClient: number;
  readonly clients: Clients;
  readonly events: RequestEvents;
}

/**
 * Limits the concurrent requests of each client and refuses the rest with 429. A request that the client aborts, by a reset stream or a
 * closed connection, counts until its work has ended; otherwise a client could start any number of them (CVE-2023-44487).
 */
export function limitRequests(onRequest: ServeRequest, options: RequestLimitsOptions): RequestListener {
  const { maxRequestsPerClient, clients, events } = options;
  if (maxRequestsPerClient === 0) return (req, res) => void onRequest(req, res);
  const limit = new ConcurrencyLimit(maxRequestsPerClient);
  return (req, res) => {
    const client = clients.of(req);
    const { address } = client;
    if (limit.enter(address)) {
      const leave = () => limit.leave(address);
      const work = onRequest(req, res);
      res.once('close', () => (work ? void work.then(leave) : leave()));
      return;
    }
    events.clientRefused('requests', client.name);
    const exchange = recordExchange(req, res, { client, events });
    respondError(
      exchange,
      new RegistryError('TOOMANYREQUESTS', 'too many concurrent requests', { retryAfterMs: RETRY_AFTER_MS }),
      events,
    );
  };
}
