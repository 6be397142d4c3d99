import type { IncomingMessage, ServerResponse } from 'node:http';

import { RegistryError } from '../../oci/errors.ts';
import { respondError } from './respond-error.ts';
import type { RequestEvents } from './request-events.ts';
import type { Clients } from '../client/client-address.ts';
import { recordExchange } from './exchange.ts';
import { faultOfHost } from '../client/host-of.ts';

export interface RefuseHostOptions {
  readonly clients: Clients;
  readonly events: RequestEvents;
}

/** Responds 400 to a request with an ambiguous host. @returns whether it did */
export function refuseHost(req: IncomingMessage, res: ServerResponse, { clients, events }: RefuseHostOptions): boolean {
  const fault = faultOfHost(req);
  if (fault === undefined) return false;
  const exchange = recordExchange(req, res, { client: clients.of(req), events });
  respondError(exchange, new RegistryError('UNSUPPORTED', fault, { status: 400 }), events);
  return true;
}
