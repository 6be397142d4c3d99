import type { IncomingHttpHeaders } from 'node:http';
import { BlockList, isIP } from 'node:net';

import { addressOf, type Hop, parseForwarded, parseForwardedList } from './forwarded.ts';
import { isHost } from './host-of.ts';

/** Facts about a request from the headers of trusted proxies; fields that none of them sent are absent. */
export interface ForwardedInfo {
  /** IP address of the client. */
  readonly address?: string | undefined;
  readonly scheme?: 'http' | 'https' | undefined;
  readonly host?: string | undefined;
}

/** Longest chain of proxies that is followed: a header can list thousands. */
const MAX_HOPS = 32;

/** Stands for every client of a unix socket. */
const UNIX = 'unix';

/** The proxies whose forwarding headers are trusted. */
export class TrustedProxies {
  readonly #addresses = new BlockList();
  readonly #isUnixTrusted: boolean;
  readonly #isEmpty: boolean;

  /** @param proxies addresses and networks in CIDR notation; `unix`: every client of a unix socket */
  constructor(proxies: readonly string[]) {
    this.#isEmpty = proxies.length === 0;
    this.#isUnixTrusted = proxies.includes(UNIX);
    for (const proxy of proxies) {
      const [address = '', bits] = proxy.split('/');
      const family = familyOf(address);
      if (family === undefined) continue;
      if (bits === undefined) this.#addresses.addAddress(address, family);
      else this.#addresses.addSubnet(address, Number(bits), family);
    }
  }

  /** @param address IP address of a peer; undefined on a unix socket */
  trusts(address: string | undefined): boolean {
    if (this.#isEmpty) return false;
    if (address === undefined) return this.#isUnixTrusted;
    const family = familyOf(address);
    return family !== undefined && this.#addresses.check(address, family);
  }

  /**
   * Reads forwarding headers, from the nearest proxy back to the first that is not trusted; any client could have sent the rest.
   * `Forwarded` (RFC 7239) takes precedence over `X-Forwarded-*`. When they name different clients, a trusted proxy wrote only one of
   * them, and both are ignored.
   *
   * @param headers of a request whose peer is trusted
   */
  read(headers: IncomingHttpHeaders): ForwardedInfo {
    const standard = this.#outermost((headers.forwarded && parseForwarded(headers.forwarded)) || []);
    const classic = this.#classic(headers);
    const addresses = [standard.for, classic.for].filter((address) => address !== undefined);
    if (addresses.length === 2 && addresses[0] !== addresses[1]) return {};
    const scheme = (standard.proto ?? classic.proto)?.toLowerCase();
    const host = standard.host ?? classic.host;
    return {
      address: addresses[0],
      scheme: scheme === 'http' || scheme === 'https' ? scheme : undefined,
      host: host !== undefined && isHost(host) ? host : undefined,
    };
  }

  /** The lists may have different lengths: some proxies append to one and replace another. All are counted from the nearest proxy. */
  #classic(headers: IncomingHttpHeaders): Hop {
    const clients = parseForwardedList(headers['x-forwarded-for']);
    const depth = this.#depth(clients);
    const at = (list: readonly string[]) => list[Math.max(0, list.length - depth)] || undefined;
    return {
      for: this.#clientAt(clients, depth),
      proto: at(parseForwardedList(headers['x-forwarded-proto'])),
      host: at(parseForwardedList(headers['x-forwarded-host'])),
    };
  }

  #outermost(hops: readonly Hop[]): Hop {
    const clients = hops.map((hop) => hop.for ?? '');
    const depth = this.#depth(clients);
    return { ...hops[hops.length - depth], for: this.#clientAt(clients, depth) };
  }

  /** Number of trusted proxies in a row, including the peer. */
  #depth(clients: readonly string[]): number {
    const longest = Math.min(clients.length, MAX_HOPS);
    let depth = 1;
    while (depth < longest && this.trusts(addressOf(clients[clients.length - depth] ?? ''))) depth++;
    return depth;
  }

  #clientAt(clients: readonly string[], depth: number): string | undefined {
    const address = addressOf(clients[clients.length - depth] ?? '');
    return isIP(address) === 0 ? undefined : address;
  }
}

function familyOf(address: string): 'ipv4' | 'ipv6' | undefined {
  const version = isIP(address);
  return version === 0 ? undefined : version === 4 ? 'ipv4' : 'ipv6';
}
