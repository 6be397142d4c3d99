import { createCountedCache } from '../cache/lru.ts';

/** The token that a registry's challenge requires. */
export interface BearerChallenge {
  readonly realm: URL;
  readonly service: string | undefined;
  /** As in the challenge, such as `repository:library/alpine:pull`; several are separated by spaces. */
  readonly scope: string | undefined;
}

export interface IssuedToken {
  readonly value: string;
  readonly lifetimeMs: number;
}

export interface TokenCacheOptions {
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly issue: (challenge: BearerChallenge) => Promise<IssuedToken>;
}

interface Entry {
  readonly value: string;
  readonly refreshAt: number;
  readonly expiresAt: number;
}

/** Part of a token's lifetime after which a new one is fetched while the old one is still used. */
const REFRESH_AT = 0.8;
const MAX_TOKENS = 10_000;

/** Tokens of one registry for one set of credentials: fetched once for concurrent callers, renewed before they expire. */
export class TokenCache {
  readonly #options: TokenCacheOptions;
  readonly #entries = createCountedCache<Entry>({ maxEntries: MAX_TOKENS });
  readonly #flights = new Map<string, Promise<string>>();

  constructor(options: TokenCacheOptions) {
    this.#options = options;
  }

  /** @throws the error of `issue`; a failure is not cached */
  async get(challenge: BearerChallenge): Promise<string> {
    const key = keyOf(challenge);
    const entry = this.#entries.get(key);
    const now = this.#options.now();
    if (!entry || now >= entry.expiresAt) return this.#fly(key, challenge);
    // The old token stays valid; when renewal keeps failing, the first caller after its end gets the error.
    if (now >= entry.refreshAt) this.#fly(key, challenge).catch(() => undefined);
    return entry.value;
  }

  /** A token that is issued now. @throws like {@link get} */
  renew(challenge: BearerChallenge): Promise<string> {
    return this.#fly(keyOf(challenge), challenge);
  }

  /** Forgets a refused token, unless another has taken its place. */
  forget(challenge: BearerChallenge, value: string): void {
    const key = keyOf(challenge);
    if (this.#entries.get(key)?.value === value) this.#entries.delete(key);
  }

  #fly(key: string, challenge: BearerChallenge): Promise<string> {
    const inProgress = this.#flights.get(key);
    if (inProgress) return inProgress;
    const flight = this.#issue(key, challenge).finally(() => this.#flights.delete(key));
    this.#flights.set(key, flight);
    return flight;
  }

  async #issue(key: string, challenge: BearerChallenge): Promise<string> {
    // A token may have been issued at any moment since it was requested.
    const requestedAt = this.#options.now();
    const { value, lifetimeMs } = await this.#options.issue(challenge);
    this.#entries.set(key, {
      value,
      refreshAt: requestedAt + lifetimeMs * REFRESH_AT,
      expiresAt: requestedAt + lifetimeMs,
    });
    return value;
  }
}

function keyOf({ realm, service, scope }: BearerChallenge): string {
  return JSON.stringify([realm.href, service, scope]);
}
