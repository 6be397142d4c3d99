import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';

import { RegistryError } from '../../oci/errors.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import { answerError } from './respond-error.ts';
import type { Clients } from '../client/client-address.ts';
import { noteExchange } from './exchange.ts';
import { Tally } from '../listen/concurrency-limit.ts';

/** When a client that had too many requests under way may try again. Milliseconds. */
const RETRY_AFTER_MS = 1000;

/** Resolves when nothing is done for the request any more; undefined: when its response has ended. */
export type ServeRequest = (req: IncomingMessage, res: ServerResponse) => Promise<void> | undefined;

export interface RequestLimitsOptions {
  /** Of one client, at the same time. 0: no limit. */
  readonly maxRequestsPerClient: number;
  readonly clients: Clients;
  readonly telemetry: Telemetry;
}

/**
 * Lets each client have so many requests under way, and refuses the rest. A request that the client breaks off, by a reset stream or a
 * closed connection, counts for as long as it is worked on: else a client could have any number of them begun (CVE-2023-44487).
 */
export function limitRequests(onRequest: ServeRequest, options: RequestLimitsOptions): RequestListener {
  const { maxRequestsPerClient, clients, telemetry } = options;
  if (maxRequestsPerClient === 0) return (req, res) => void onRequest(req, res);
  const tally = new Tally(maxRequestsPerClient);
  return (req, res) => {
    const client = clients.of(req);
    const { address } = client;
    if (tally.enter(address)) {
      const leave = () => tally.leave(address);
      const work = onRequest(req, res);
      res.once('close', () => (work ? void work.then(leave) : leave()));
      return;
    }
    telemetry.clientRefused('requests', client.name);
    const exchange = noteExchange(req, res, { client, telemetry });
    answerError(
      exchange,
      new RegistryError('TOOMANYREQUESTS', 'too many requests at once', { retryAfterMs: RETRY_AFTER_MS }),
      telemetry.log,
    );
  };
}
