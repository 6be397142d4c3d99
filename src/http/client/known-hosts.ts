import { isIP } from 'node:net';

import type { Listen } from '../../config/config.ts';
import { isHost } from './host-of.ts';

export interface KnownHostsOptions {
  /** Where the server listens. */
  readonly listen: Listen;
  /** Further names and addresses, without a port. */
  readonly hosts: readonly string[];
}

/** @param host the value of a `Host` header */
export type HostCheck = (host: string | undefined) => boolean;

/**
 * Which `Host` headers a page for operators is served for, so that a web page cannot reach it by a name of its own that it points at
 * this machine (DNS rebinding): loopback names and addresses, the host that the server listens on, and the configured ones. A server
 * that listens elsewhere than on loopback has addresses that it does not know (those of a NAT, of a pod), and a name that is
 * rebound is never an address, so there every IP address is taken.
 *
 * The port is not compared: it is another one behind a port forward. Without a `Host` (HTTP/1.0) it is no browser.
 */
export function createHostCheck({ listen, hosts }: KnownHostsOptions): HostCheck {
  const known = new Set(hosts.map(normalised));
  if (listen.net === 'tcp' && listen.host !== undefined) known.add(normalised(listen.host));
  const takesAddresses = !listensOnLoopback(listen);
  return (host) => {
    if (host === undefined) return true;
    if (!isHost(host)) return false;
    const name = nameOf(host);
    return isLoopback(name) || known.has(name) || (takesAddresses && isIP(name) !== 0);
  };
}

/** Whether only the own machine can connect. */
export function listensOnLoopback(listen: Listen): boolean {
  return listen.net === 'unix' || (listen.host !== undefined && isLoopback(normalised(listen.host)));
}

/** `localhost` and what is below it never leave the machine: RFC 6761, section 6.3. */
function isLoopback(name: string): boolean {
  if (name === 'localhost' || name.endsWith('.localhost')) return true;
  return name === '::1' || (isIP(name.replace(/^::ffff:/, '')) === 4 && /^(?:::ffff:)?127\./.test(name));
}

/** Without port, brackets, and the dot of a fully qualified name. */
function nameOf(host: string): string {
  return normalised(host.replace(/:\d*$/, '').replace(/^\[(.*)\]$/, '$1'));
}

function normalised(name: string): string {
  return name.toLowerCase().replace(/\.$/, '');
}
