import type { Socket } from 'node:net';
import { createSecureContext, createServer, type SecureContext } from 'node:tls';

import type { CertificatePair } from './certificate-source.ts';

/** The protocol (ALPN) in the handshake of a certificate authority: RFC 8737, section 4. */
const PROTOCOL = 'acme-tls/1';

/** Largest first message of a handshake that is inspected. Bytes. */
const MAX_HELLO = 16 * 1024;

/** Responds to `tls-alpn-01` challenges, on connections opened for them. */
export class AcmeChallenges {
  readonly #contexts = new Map<string, SecureContext>();
  readonly #server = createServer(
    {
      ALPNProtocols: [PROTOCOL],
      SNICallback: (host, callback) => callback(null, this.#contexts.get(host)),
    },
    (socket) => socket.end(),
  ).on('tlsClientError', () => {}); // no certificate for the host: the connection ends

  get isPending(): boolean {
    return this.#contexts.size > 0;
  }

  add(host: string, pair: CertificatePair): void {
    this.#contexts.set(host, createSecureContext(pair));
  }

  remove(host: string): void {
    this.#contexts.delete(host);
  }

  /** @param socket before its handshake */
  serve(socket: Socket): void {
    this.#server.emit('connection', socket);
  }
}

/** Whether a handshake with these first bytes is for a challenge. Undefined when more bytes are needed. */
export function isChallenge(hello: Buffer): boolean | undefined {
  if (hello.includes(PROTOCOL)) return true;
  if (hello.length < 5) return undefined;
  // The length of the record: RFC 8446, section 5.1. Anything but a handshake is left to the TLS server.
  const isComplete = hello[0] !== 22 || hello.length >= Math.min(5 + hello.readUInt16BE(3), MAX_HELLO);
  return isComplete ? false : undefined;
}
