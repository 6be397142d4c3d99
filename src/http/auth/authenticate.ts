import type { IncomingMessage } from 'node:http';
import type { PeerCertificate, TLSSocket } from 'node:tls';

import type { Presented } from '../../auth/authenticator.ts';
import type { Client } from '../client/client-address.ts';

/** Credentials and origin of a request. */
export function presentedBy(req: IncomingMessage, client: Client): Presented {
  return {
    authorization: req.headers.authorization,
    address: client.address ?? '',
    connection: req.socket,
    certificate: () => certificateOf(req),
  };
}

/** Absent unless it was verified: `http.tls.clientauth` may accept others. */
function certificateOf({ socket }: IncomingMessage): PeerCertificate | undefined {
  const { authorized, getPeerCertificate } = socket as Partial<TLSSocket>;
  if (authorized !== true || getPeerCertificate === undefined) return undefined;
  const certificate = (socket as TLSSocket).getPeerCertificate();
  return Object.keys(certificate).length === 0 ? undefined : certificate;
}
