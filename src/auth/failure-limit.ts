import { isIPv6 } from 'node:net';

import { type BoundedCache, createCountedCache } from '../cache/lru.ts';
import { RegistryError } from '../oci/errors.ts';
import type { AuthEvents } from './auth-events.ts';

const WINDOW_MS = 60_000;
/** Addresses that are remembered. */
const MAX_ADDRESSES = 10_000;

interface Failures {
  count: number;
  readonly since: number;
}

/** Slows down whoever tries passwords: so many wrong ones of an address, and it waits for the rest of the minute. */
export class FailureLimit {
  readonly #max: number;
  readonly #events: AuthEvents;
  readonly #now: () => number;
  readonly #failures: BoundedCache<Failures> = createCountedCache({ maxEntries: MAX_ADDRESSES });

  /** @param options.max 0: any number */
  constructor({ max, events, now }: { max: number; events: AuthEvents; now: () => number }) {
    this.#max = max;
    this.#events = events;
    this.#now = now;
  }

  /** @throws {RegistryError} `TOOMANYREQUESTS` */
  check(address: string): void {
    const failures = this.#current(networkOf(address));
    if (this.#max === 0 || failures === undefined || failures.count < this.#max) return;
    throw new RegistryError('TOOMANYREQUESTS', 'too many failed logins from this address', {
      retryAfterMs: failures.since + WINDOW_MS - this.#now(),
    });
  }

  failed(address: string): void {
    const network = networkOf(address);
    const failures = this.#current(network) ?? { count: 0, since: this.#now() };
    failures.count++;
    this.#failures.set(network, failures);
    if (failures.count !== this.#max) return;
    this.#events.addressBlocked({ address, forMs: failures.since + WINDOW_MS - this.#now() });
  }

  #current(network: string): Failures | undefined {
    const failures = this.#failures.get(network);
    return failures && this.#now() - failures.since < WINDOW_MS ? failures : undefined;
  }
}

/** Of IPv6, whoever has one address has the 2⁶⁴ beside it. */
function networkOf(address: string): string {
  if (!isIPv6(address)) return address;
  const [head = '', tail] = address.split('%')[0]?.split('::') ?? [];
  const before = head.split(':').filter(Boolean);
  const after = tail?.split(':').filter(Boolean) ?? [];
  const parts = [...before, ...Array<string>(Math.max(0, 8 - before.length - after.length)).fill('0'), ...after];
  return parts
    .slice(0, 4)
    .map((part) => Number.parseInt(part, 16).toString(16))
    .join(':');
}
