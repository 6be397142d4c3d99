import { lookup as resolve } from 'node:dns';
import type { LookupFunction } from 'node:net';
import type { Dispatcher } from 'undici';

import { answerLookup, type HostZones, zoneOfName } from './host-zones.ts';
import { mayLead, type NetworkZone, zoneOf } from './network-zone.ts';
import { UpstreamError } from './upstream.ts';

export interface DestinationsOptions {
  readonly upstream: string;
  /** Of the registry, or of one mirror. */
  readonly base: URL;
  readonly zones: HostZones;
  readonly createDispatcher: (lookup: LookupFunction) => Dispatcher;
}

/**
 * What is fetched there. The bytes of a blob are verified, and clouds serve them from private networks to registries that everybody can
 * reach (private endpoints), so `blob` may lead there. All else may lead only to where the registry itself is, or further outside.
 */
export type Purpose = 'blob' | 'other';

/**
 * Where a registry may lead us, by redirects, `Location` and realms. A hostile one would otherwise have us ask the services of our own
 * network. Names are checked when a connection is made, by the address that it is made to.
 */
export class Destinations {
  readonly #options: DestinationsOptions;
  readonly #dispatchers = new Map<Purpose, Dispatcher>();

  constructor(options: DestinationsOptions) {
    this.#options = options;
  }

  /** Checks what the URL alone tells. @throws {UpstreamError} `protocol` */
  check(url: URL, purpose: Purpose): void {
    const zone = zoneOfName(url.hostname);
    if (zone !== undefined && !this.#allows(url.hostname, zone, purpose)) throw this.#refusal(url.hostname);
  }

  /** Resolves names for connections; fails with an {@link UpstreamError} of kind `protocol` when no address is left. */
  lookup(purpose: Purpose): LookupFunction {
    return (hostname, options, callback) => {
      resolve(hostname, { ...options, all: true }, (err, addresses) => {
        const allowed = (addresses ?? []).filter(({ address }) =>
          this.#allows(hostname, zoneOf(address) ?? 'special', purpose),
        );
        const refused = !err && allowed.length === 0 ? this.#refusal(hostname) : null;
        answerLookup(callback, options, { err: err ?? refused, addresses: allowed });
      });
    };
  }

  /** Connections to strangers. */
  dispatcher(purpose: Purpose): Dispatcher {
    let dispatcher = this.#dispatchers.get(purpose);
    if (dispatcher === undefined) {
      dispatcher = this.#options.createDispatcher(this.lookup(purpose));
      this.#dispatchers.set(purpose, dispatcher);
    }
    return dispatcher;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#dispatchers.values()].map((dispatcher) => dispatcher.destroy()));
  }

  #allows(hostname: string, zone: NetworkZone, purpose: Purpose): boolean {
    const { base, zones } = this.#options;
    if (hostname === base.hostname) return true;
    return mayLead(zones.zoneOf(base.hostname), zone, { privateAllowed: purpose === 'blob' });
  }

  #refusal(hostname: string): UpstreamError {
    const { upstream, base } = this.#options;
    const message = `${upstream}: ${base.host} leads to ${hostname}, an internal address that it may not lead to`;
    return new UpstreamError('protocol', message, { upstream });
  }
}
