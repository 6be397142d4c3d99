import { createHmac, randomBytes } from 'node:crypto';

import { type BoundedCache, createCountedCache } from '../cache/lru.ts';
import type { Identity } from './identity.ts';

/** Milliseconds. */
const KEPT_MS = 60_000;
const MAX_ENTRIES = 10_000;

interface Entry {
  readonly identity: Identity;
  readonly until: number;
  /** What it was verified by. */
  readonly basis: object;
}

/**
 * Credentials that were right a moment ago, so that not every request costs a verification. They are kept as a keyed hash, for a
 * minute, and only as long as what they were verified by is the same.
 */
export class CredentialCache {
  readonly #key = randomBytes(32);
  readonly #entries: BoundedCache<Entry> = createCountedCache({ maxEntries: MAX_ENTRIES });
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Names secrets without holding them. */
  nameOf(...secrets: readonly string[]): string {
    const hash = createHmac('sha256', this.#key);
    for (const secret of secrets) hash.update(`${secret.length}:`).update(secret);
    return hash.digest('base64');
  }

  find(name: string, basis: object): Identity | undefined {
    const entry = this.#entries.get(name);
    return entry && entry.basis === basis && entry.until > this.#now() ? entry.identity : undefined;
  }

  /** @param until milliseconds of the epoch; not longer than a minute all the same */
  keep(name: string, basis: object, { identity, until = Infinity }: { identity: Identity; until?: number }): void {
    this.#entries.set(name, { identity, basis, until: Math.min(until, this.#now() + KEPT_MS) });
  }
}
