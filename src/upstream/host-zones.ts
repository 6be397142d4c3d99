import { lookup as resolve, type LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';

import { type NetworkZone, widest, zoneOf } from './network-zone.ts';

/** `localhost` and names below it never leave the machine. RFC 6761, section 6.3. */
const LOCALHOST = /(?:^|\.)localhost\.?$/i;

/** The zone of a host without resolving its name; undefined when it has to be resolved. */
export function zoneOfName(hostname: string): NetworkZone | undefined {
  return LOCALHOST.test(hostname) ? 'loopback' : zoneOf(hostname);
}

/**
 * The zones of an upstream's configured hosts. The addresses of a host are recorded when a connection is made. The widest zone ever
 * seen counts, as the owner of the name can change its addresses between two look-ups.
 */
export class HostZones {
  readonly #zones = new Map<string, NetworkZone>();
  readonly #hosts: ReadonlySet<string>;

  constructor(hosts: readonly string[]) {
    this.#hosts = new Set(hosts);
  }

  /** Public for a host that was never resolved here, as behind a proxy. */
  zoneOf(hostname: string): NetworkZone {
    return zoneOfName(hostname) ?? this.#zones.get(hostname) ?? 'public';
  }

  /** Resolves like the system. */
  readonly lookup: LookupFunction = (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (err, addresses) => {
      if (!err && this.#hosts.has(hostname)) this.#note(hostname, addresses);
      completeLookup(callback, options, { err, addresses });
    });
  };

  #note(hostname: string, addresses: readonly LookupAddress[]): void {
    const known = this.#zones.get(hostname);
    const seen = addresses.map(({ address }) => zoneOf(address)).filter((zone) => zone !== undefined);
    const zone = widest(known === undefined ? seen : [known, ...seen]);
    if (zone !== undefined) this.#zones.set(hostname, zone);
  }
}

type LookupOptions = Parameters<LookupFunction>[1];
type LookupCallback = Parameters<LookupFunction>[2];

/** Calls back in the requested form: all addresses, or the first. */
export function completeLookup(
  callback: LookupCallback,
  { all }: LookupOptions,
  { err, addresses }: { readonly err: Error | null; readonly addresses: readonly LookupAddress[] },
): void {
  const [first] = addresses ?? [];
  if (err || first === undefined) callback(err ?? new Error('no address'), []);
  else if (all === true) callback(null, [...addresses]);
  else callback(null, first.address, first.family);
}
