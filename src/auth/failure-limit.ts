import { createHash } from 'node:crypto';
import { isIPv6 } from 'node:net';

import { type BoundedCache, createCountedCache } from '../cache/lru.ts';
import { RegistryError } from '../oci/errors.ts';
import type { AuthEvents } from './auth-events.ts';

const WINDOW_MS = 60_000;
/** Limit of an address for all users, as a multiple of the limit for one user: many people can share a proxy. */
const USERS_PER_ADDRESS = 10;
const MAX_ADDRESSES = 10_000;
const MAX_LOGINS = 50_000;
/** A user who logged in from an address is exempt from its limit for this long. Milliseconds. */
const KNOWN_MS = 24 * 60 * 60_000;

interface Count {
  /** Wrong passwords, including those still being verified. */
  tries: number;
  readonly since: number;
  isReported: boolean;
}

/** A password that is being verified. It counts as wrong until `release` is called. */
export interface LoginAttempt {
  /** The password was right, or was not verified. */
  release(result: 'right' | 'unknown'): void;
}

export interface FailureLimitOptions {
  /** Wrong passwords for one user from one address in a minute; 0: no limit. */
  readonly max: number;
  readonly events: Pick<AuthEvents, 'addressBlocked'>;
  readonly now: () => number;
}

/**
 * Slows down password guessing. Failures count per address and user: a user can still log in from other addresses, and a client with a
 * wrong password does not lock out others at its address. Against guesses for many users, an address as a whole has a limit that is ten
 * times as high.
 */
export class FailureLimit {
  readonly #options: FailureLimitOptions;
  readonly #logins: BoundedCache<Count> = createCountedCache({ maxEntries: MAX_LOGINS });
  readonly #addresses: BoundedCache<Count> = createCountedCache({ maxEntries: MAX_ADDRESSES });
  readonly #known: BoundedCache<{ readonly until: number }> = createCountedCache({ maxEntries: MAX_LOGINS });

  constructor(options: FailureLimitOptions) {
    this.#options = options;
  }

  /** Called before the password is verified, so that concurrent guesses count as well. @throws {RegistryError} `TOOMANYREQUESTS` */
  begin(address: string, user: string): LoginAttempt {
    const { max, now } = this.#options;
    if (max === 0) return { release: () => undefined };
    const network = networkOf(address);
    const login = `${network} ${createHash('sha256').update(user).digest('base64url')}`;
    const isKnown = (this.#known.get(login)?.until ?? 0) > now();
    const counts = [this.#current(this.#logins, login)];
    this.#check(counts[0], max, address);
    if (!isKnown) counts.push(this.#current(this.#addresses, network));
    this.#check(counts[1], max * USERS_PER_ADDRESS, address);
    for (const count of counts) count.tries++;
    return {
      release: (result) => {
        for (const count of counts.splice(0)) count.tries--;
        if (result === 'right') this.#known.set(login, { until: now() + KNOWN_MS });
      },
    };
  }

  #check(count: Count | undefined, max: number, address: string): void {
    if (count === undefined || count.tries < max) return;
    const forMs = count.since + WINDOW_MS - this.#options.now();
    if (!count.isReported) this.#options.events.addressBlocked({ address, forMs });
    count.isReported = true;
    throw new RegistryError('TOOMANYREQUESTS', 'too many failed logins from this address', { retryAfterMs: forMs });
  }

  #current(counts: BoundedCache<Count>, key: string): Count {
    const now = this.#options.now();
    const known = counts.get(key);
    if (known && now - known.since < WINDOW_MS) return known;
    const count = { tries: 0, since: now, isReported: false };
    counts.set(key, count);
    return count;
  }
}

/** An IPv6 address counts as its /64 network: one client usually has all of it. */
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
