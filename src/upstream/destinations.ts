import { lookup as resolve } from 'node:dns';
import type { LookupFunction } from 'node:net';

import type { Connections } from './dispatcher.ts';
import { completeLookup, type HostZones, zoneOfName } from './host-zones.ts';
import { mayLead, type NetworkZone, zoneOf } from './network-zone.ts';
import { UpstreamError } from './upstream.ts';

export interface DestinationsOptions {
  readonly upstream: string;
  /** Of the registry, or of one mirror. */
  readonly base: URL;
  readonly zones: HostZones;
  readonly createDispatcher: (lookup: LookupFunction) => Connections;
}

/**
 * Where a registry may lead: `no-further` inside than it is itself, or also `into-private` networks. The latter is for the bytes of
 * blobs, which are verified and which clouds serve from private endpoints, and for token servers in the registry's domain.
 */
export type Reach = 'into-private' | 'no-further';

/**
 * Decides where redirects, `Location` headers and realms of a registry may lead. A hostile registry would otherwise make Layover send
 * requests to services of its internal network. A host name is checked when a connection is made, by the address of the connection.
 */
export class Destinations {
  readonly #options: DestinationsOptions;
  readonly #dispatchers = new Map<Reach, Connections>();

  constructor(options: DestinationsOptions) {
    this.#options = options;
  }

  /** Checks the URL without resolving its host. @throws {UpstreamError} `protocol` */
  check(url: URL, reach: Reach): void {
    const zone = zoneOfName(url.hostname);
    if (zone !== undefined && !this.#allows(url.hostname, zone, reach)) throw this.#refusal(url.hostname);
  }

  /** Resolves names for connections; fails with an {@link UpstreamError} of kind `protocol` when no address is allowed. */
  lookup(reach: Reach): LookupFunction {
    return (hostname, options, callback) => {
      resolve(hostname, { ...options, all: true }, (err, addresses) => {
        const allowed = (addresses ?? []).filter(({ address }) =>
          this.#allows(hostname, zoneOf(address) ?? 'special', reach),
        );
        const refused = !err && allowed.length === 0 ? this.#refusal(hostname) : null;
        completeLookup(callback, options, { err: err ?? refused, addresses: allowed });
      });
    };
  }

  /** Connections to hosts that are not configured. */
  dispatcher(reach: Reach): Connections {
    let dispatcher = this.#dispatchers.get(reach);
    if (dispatcher === undefined) {
      dispatcher = this.#options.createDispatcher(this.lookup(reach));
      this.#dispatchers.set(reach, dispatcher);
    }
    return dispatcher;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#dispatchers.values()].map((dispatcher) => dispatcher.destroy()));
  }

  #allows(hostname: string, zone: NetworkZone, reach: Reach): boolean {
    const { base, zones } = this.#options;
    if (hostname === base.hostname) return true;
    return mayLead(zones.zoneOf(base.hostname), zone, { privateAllowed: reach === 'into-private' });
  }

  #refusal(hostname: string): UpstreamError {
    const { upstream, base } = this.#options;
    const message = `${upstream}: ${base.host} leads to ${hostname}, an internal address that it may not lead to`;
    return new UpstreamError('protocol', message, { upstream });
  }
}
