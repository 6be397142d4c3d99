import type { IncomingMessage, ServerResponse } from 'node:http';

import { RegistryError } from '../../oci/errors.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import { answerError } from './respond-error.ts';
import type { Clients } from '../client/client-address.ts';
import { noteExchange } from './exchange.ts';
import { faultOfHost } from '../client/host-of.ts';

export interface RefuseHostOptions {
  readonly clients: Clients;
  readonly telemetry: Telemetry;
}

/** Answers 400 to a request whose host can be read in two ways. @returns whether it was one */
export function refuseHost(
  req: IncomingMessage,
  res: ServerResponse,
  { clients, telemetry }: RefuseHostOptions,
): boolean {
  const fault = faultOfHost(req);
  if (fault === undefined) return false;
  const exchange = noteExchange(req, res, { client: clients.of(req), telemetry });
  answerError(exchange, new RegistryError('UNSUPPORTED', fault, { status: 400 }), telemetry.log);
  return true;
}
