import type { IncomingMessage } from 'node:http';
import type { PeerCertificate } from 'node:tls';

import { type ClientConnection, setConnection } from '../http/client/connection.ts';

/** Facts about a request that a worker hands over to the main process, in the first header. */
export interface HandedOver {
  readonly worker: number;
  /** Of HTTP, between the client and the worker. */
  readonly version: string;
  readonly address: string | undefined;
  readonly port: number | undefined;
  readonly isSecure: boolean;
  /** Absent unless it was verified. */
  readonly certificate: Pick<PeerCertificate, 'subject' | 'subjectaltname'> | undefined;
}

export const HANDED_OVER = 'layover-handed-over';

/** A header has ASCII only, names in certificates may have any characters. */
export function formatHandedOver(facts: HandedOver): string {
  const text = JSON.stringify(facts);
  if (facts.certificate === undefined) return text;
  return text.replaceAll(/[\u007f-\uffff]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/**
 * Takes the facts out of a request on the socket for workers. Afterwards it looks like the client's own.
 *
 * @returns the number of the worker; undefined when no worker sent it
 */
export function takeHandedOver(req: IncomingMessage): number | undefined {
  const { rawHeaders, headers } = req;
  if (rawHeaders[0] !== HANDED_OVER) return undefined;
  const [, text = ''] = rawHeaders.splice(0, 2);
  delete headers[HANDED_OVER];
  const facts = parse(text);
  if (!facts) return undefined;
  setConnection(req, toConnection(facts));
  // The major version stays: the response is sent as HTTP/1.1.
  req.httpVersion = facts.version;
  return facts.worker;
}

function parse(text: string): HandedOver | undefined {
  try {
    return JSON.parse(text) as HandedOver;
  } catch {
    return undefined;
  }
}

function toConnection({ address, port, isSecure, certificate }: HandedOver): ClientConnection {
  return {
    remoteAddress: address,
    remotePort: port,
    ...(isSecure && { encrypted: true }),
    ...(certificate && { authorized: true, getPeerCertificate: () => certificate as PeerCertificate }),
  };
}
