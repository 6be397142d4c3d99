import { isIP } from 'node:net';

import type { Listen } from '../../config/config.ts';
import { isHost } from './host-of.ts';

export interface KnownHostsOptions {
  /** Address of the server. */
  readonly listen: Listen;
  /** Further names and addresses, without a port. */
  readonly hosts: readonly string[];
  /** Every IP address is accepted. @default unless the server listens on loopback only */
  readonly acceptsAddresses?: boolean;
}

/** @param host the value of a `Host` header */
export type HostCheck = (host: string | undefined) => boolean;

/**
 * Checks the `Host` of requests to pages for operators, so that a web page cannot reach them through a domain that it points at this
 * machine (DNS rebinding). Accepted are loopback names and addresses, the host that the server listens on, and the configured ones. A
 * server that does not listen on loopback only has addresses that it cannot know (of a NAT, of a pod), so that it accepts every IP
 * address: a rebound name never is one.
 *
 * The port is not compared: a port forward changes it. A request without a `Host` (HTTP/1.0) does not come from a browser.
 */
export function createHostCheck({
  listen,
  hosts,
  acceptsAddresses = !listensOnLoopback(listen),
}: KnownHostsOptions): HostCheck {
  const known = new Set(hosts.map(normalised));
  if (listen.net === 'tcp' && listen.host !== undefined) known.add(normalised(listen.host));
  return (host) => {
    if (host === undefined) return true;
    if (!isHost(host)) return false;
    const name = nameOf(host);
    return isLoopback(name) || known.has(name) || (acceptsAddresses && isIP(name) !== 0);
  };
}

/** Whether only clients on this machine can connect. */
export function listensOnLoopback(listen: Listen): boolean {
  return listen.net === 'unix' || (listen.host !== undefined && isLoopback(normalised(listen.host)));
}

/** `localhost` and names below it resolve to this machine: RFC 6761, section 6.3. */
export function isLoopback(name: string): boolean {
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
