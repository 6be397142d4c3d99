import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

import type { Told, TrustedProxies } from './trusted-proxies.ts';

/** Who sent a request. */
export interface Client {
  /** IP address; undefined for whoever is on a unix socket. */
  readonly address: string | undefined;
  /** For log lines and events: address and port, where there is one. */
  readonly name: string;
}

/** Who is at the other end of a connection. */
export interface Peer extends Client {
  readonly isTrusted: boolean;
}

/** Told once, of the first request that a peer forwarded which is not in `http.trustedproxies`. */
export type OnUntrusted = (peer: string) => void;

/** Knows each connection's peer, and behind trusted proxies each request's client. */
export class Clients {
  readonly #proxies: TrustedProxies;
  /** The system is asked, and networks are compared, once for each connection. */
  readonly #peers = new WeakMap<Socket, Peer>();

  #onUntrusted: OnUntrusted | undefined;

  constructor(proxies: TrustedProxies, onUntrusted?: OnUntrusted) {
    this.#proxies = proxies;
    this.#onUntrusted = onUntrusted;
  }

  of(req: IncomingMessage): Client {
    const peer = this.peerOf(req.socket);
    if (!peer.isTrusted) {
      if (this.#onUntrusted) this.#noteForwarded(req, peer);
      return peer;
    }
    const { address } = this.#proxies.read(req.headers);
    return address === undefined ? peer : { address, name: address };
  }

  /** What trusted proxies say of the request; nothing when it did not come from one. */
  told(req: IncomingMessage): Told {
    return this.peerOf(req.socket).isTrusted ? this.#proxies.read(req.headers) : {};
  }

  peerOf(socket: Socket): Peer {
    let peer = this.#peers.get(socket);
    if (peer === undefined) {
      peer = this.#look(socket);
      this.#peers.set(socket, peer);
    }
    return peer;
  }

  #noteForwarded({ headers }: IncomingMessage, peer: Peer): void {
    if (headers['x-forwarded-for'] === undefined && headers.forwarded === undefined) return;
    this.#onUntrusted?.(peer.name);
    this.#onUntrusted = undefined;
  }

  #look({ remoteAddress, remotePort }: Socket): Peer {
    if (remoteAddress === undefined)
      return { address: undefined, name: 'unix', isTrusted: this.#proxies.trusts(undefined) };
    // Where IPv4 clients are served by a socket for IPv6. RFC 4291, section 2.5.5.2.
    const address = remoteAddress.replace(/^::ffff:(?=\d+\.)/i, '');
    const host = address.includes(':') ? `[${address}]` : address;
    return { address, name: `${host}:${remotePort}`, isTrusted: this.#proxies.trusts(address) };
  }
}
