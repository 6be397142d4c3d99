import { createHmac, randomBytes } from 'node:crypto';

import { type BoundedCache, createCountedCache } from '../cache/lru.ts';
import type { Identity } from './identity.ts';

/** Milliseconds. */
const KEPT_MS = 60_000;
const MAX_ENTRIES = 10_000;

interface Entry {
  readonly identity: Identity;
  readonly until: number;
  /** The users or keys that it was verified with. */
  readonly basis: object;
}

/**
 * Credentials that were recently verified, so that not every request costs a verification. Each is kept as a keyed hash, for at most a
 * minute, and only until the users or keys that it was verified with change.
 */
export class CredentialCache {
  readonly #key = randomBytes(32);
  readonly #entries: BoundedCache<Entry> = createCountedCache({ maxEntries: MAX_ENTRIES });
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** A name for secrets that does not reveal them. */
  nameOf(...secrets: readonly string[]): string {
    const hash = createHmac('sha256', this.#key);
    for (const secret of secrets) hash.update(`${secret.length}:`).update(secret);
    return hash.digest('base64');
  }

  find(name: string, basis: object): Identity | undefined {
    const entry = this.#entries.get(name);
    return entry && entry.basis === basis && entry.until > this.#now() ? entry.identity : undefined;
  }

  /** @param until Unix milliseconds; at most a minute from now is used */
  keep(name: string, basis: object, { identity, until = Infinity }: { identity: Identity; until?: number }): void {
    this.#entries.set(name, { identity, basis, until: Math.min(until, this.#now() + KEPT_MS) });
  }
}
