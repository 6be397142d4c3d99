import type { IncomingMessage } from 'node:http';

import { type ClientConnection, connectionOf } from './connection.ts';
import type { ForwardedInfo, TrustedProxies } from './trusted-proxies.ts';

/** The sender of a request. */
export interface Client {
  /** IP address. Absent on a unix socket. */
  readonly address: string | undefined;
  /** For log lines and events: the address, with the port when it is known. */
  readonly name: string;
}

/** The other end of a connection. */
export interface Peer extends Client {
  readonly isTrusted: boolean;
}

/** Called once, for the first forwarded request from a peer that is not in `http.trustedproxies`. */
export type OnUntrusted = (peer: string) => void;

/** Finds the client of a request: the peer of its connection, or the address that trusted proxies forwarded. */
export class Clients {
  readonly #proxies: TrustedProxies;
  /** Addresses are compared with the networks of proxies once per connection. */
  readonly #peers = new WeakMap<ClientConnection, Peer>();

  #onUntrusted: OnUntrusted | undefined;

  constructor(proxies: TrustedProxies, onUntrusted?: OnUntrusted) {
    this.#proxies = proxies;
    this.#onUntrusted = onUntrusted;
  }

  of(req: IncomingMessage): Client {
    const peer = this.peerOf(connectionOf(req));
    if (!peer.isTrusted) {
      if (this.#onUntrusted) this.#reportForwarded(req, peer);
      return peer;
    }
    const { address } = this.#proxies.read(req.headers);
    return address === undefined ? peer : { address, name: address };
  }

  /** The headers of trusted proxies; empty when the request did not come from one. */
  forwarded(req: IncomingMessage): ForwardedInfo {
    return this.peerOf(connectionOf(req)).isTrusted ? this.#proxies.read(req.headers) : {};
  }

  peerOf(connection: ClientConnection): Peer {
    let peer = this.#peers.get(connection);
    if (peer === undefined) {
      peer = this.#findPeer(connection);
      this.#peers.set(connection, peer);
    }
    return peer;
  }

  #reportForwarded({ headers }: IncomingMessage, peer: Peer): void {
    if (headers['x-forwarded-for'] === undefined && headers.forwarded === undefined) return;
    this.#onUntrusted?.(peer.name);
    this.#onUntrusted = undefined;
  }

  #findPeer({ remoteAddress, remotePort }: ClientConnection): Peer {
    if (remoteAddress === undefined)
      return { address: undefined, name: 'unix', isTrusted: this.#proxies.trusts(undefined) };
    // An IPv4 client on an IPv6 socket: RFC 4291, section 2.5.5.2.
    const address = remoteAddress.replace(/^::ffff:(?=\d+\.)/i, '');
    const host = address.includes(':') ? `[${address}]` : address;
    return { address, name: `${host}:${remotePort}`, isTrusted: this.#proxies.trusts(address) };
  }
}
