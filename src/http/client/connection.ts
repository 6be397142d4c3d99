import type { IncomingMessage } from 'node:http';
import type { PeerCertificate } from 'node:tls';

/** The connection that a client opened: its socket, or the description of one that another process of this service has. */
export interface ClientConnection {
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
  /** Present with TLS. */
  readonly encrypted?: boolean;
  /** Whether its certificate was verified. */
  readonly authorized?: boolean;
  getPeerCertificate?(): PeerCertificate;
}

const CONNECTION = Symbol('connection of the client');

interface HandedOverRequest extends IncomingMessage {
  [CONNECTION]?: ClientConnection;
}

/** The connection of the client, which is not the request's socket when another process handed the request over. */
export function connectionOf(req: IncomingMessage): ClientConnection {
  return (req as HandedOverRequest)[CONNECTION] ?? req.socket;
}

/** Records that another process handed the request over, which has the connection of the client. */
export function setConnection(req: IncomingMessage, connection: ClientConnection): void {
  (req as HandedOverRequest)[CONNECTION] = connection;
}
