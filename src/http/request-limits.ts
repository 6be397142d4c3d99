import type { RequestListener } from 'node:http';

import { RegistryError } from '../oci/errors.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import { answerError } from './answer-error.ts';
import type { Clients } from './client-address.ts';
import { noteExchange } from './exchange.ts';
import { Tally } from './tally.ts';

/** When a client that had too many requests under way may try again. Milliseconds. */
const RETRY_AFTER_MS = 1000;

export interface RequestLimitsOptions {
  /** Of one client, at the same time. 0: no limit. */
  readonly maxRequestsPerClient: number;
  readonly clients: Clients;
  readonly telemetry: Telemetry;
}

/** Lets each client have so many requests under way, and refuses the rest. */
export function limitRequests(onRequest: RequestListener, options: RequestLimitsOptions): RequestListener {
  const { maxRequestsPerClient, clients, telemetry } = options;
  if (maxRequestsPerClient === 0) return onRequest;
  const tally = new Tally(maxRequestsPerClient);
  return (req, res) => {
    const client = clients.of(req);
    const { address } = client;
    if (tally.enter(address)) {
      res.once('close', () => tally.leave(address));
      onRequest(req, res);
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
