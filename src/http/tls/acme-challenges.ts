import type { Socket } from 'node:net';
import { createSecureContext, createServer, type SecureContext } from 'node:tls';

import type { CertificatePair } from './certificate-source.ts';

/** What a certificate authority asks for in the handshake: RFC 8737, section 4. */
const PROTOCOL = 'acme-tls/1';

/** Longest that is waited for of a handshake's first message. Bytes. */
const MAX_HELLO = 16 * 1024;

/** Answers `tls-alpn-01` challenges, on the connections that ask for nothing else. */
export class AcmeChallenges {
  readonly #contexts = new Map<string, SecureContext>();
  readonly #server = createServer(
    {
      ALPNProtocols: [PROTOCOL],
      SNICallback: (host, callback) => callback(null, this.#contexts.get(host)),
    },
    (socket) => socket.end(),
  ).on('tlsClientError', () => {}); // who has no answer to look for

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

/** Whether a handshake that begins so is a challenge's; undefined when more of it has to be seen. */
export function isChallenge(hello: Buffer): boolean | undefined {
  if (hello.includes(PROTOCOL)) return true;
  if (hello.length < 5) return undefined;
  // The length of the record: RFC 8446, section 5.1. Anything else than a handshake is not ours to judge.
  const isComplete = hello[0] !== 22 || hello.length >= Math.min(5 + hello.readUInt16BE(3), MAX_HELLO);
  return isComplete ? false : undefined;
}
