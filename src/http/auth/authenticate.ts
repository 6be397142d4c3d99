import type { IncomingMessage } from 'node:http';
import type { PeerCertificate } from 'node:tls';

import type { Presented } from '../../auth/authenticator.ts';
import type { Client } from '../client/client-address.ts';
import { connectionOf } from '../client/connection.ts';

/** Credentials and origin of a request. */
export function presentedBy(req: IncomingMessage, client: Client): Presented {
  return {
    authorization: req.headers.authorization,
    address: client.address ?? '',
    connection: connectionOf(req),
    certificate: () => certificateOf(req),
  };
}

/** Absent unless it was verified: `http.tls.clientauth` may accept others. */
function certificateOf(req: IncomingMessage): PeerCertificate | undefined {
  const connection = connectionOf(req);
  if (connection.authorized !== true) return undefined;
  const certificate = connection.getPeerCertificate?.();
  return certificate === undefined || Object.keys(certificate).length === 0 ? undefined : certificate;
}
