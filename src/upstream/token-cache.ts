import { createCountedCache } from '../cache/lru.ts';

/** What a registry's challenge asks to be fetched: a token of this service, for this scope, from this realm. */
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

/** Share of a token's life after which a new one is fetched while the old one still works. */
const REFRESH_AT = 0.8;
const MAX_TOKENS = 10_000;

/** Tokens of one registry for one set of credentials: fetched once however many ask, renewed before they expire. */
export class TokenCache {
  readonly #options: TokenCacheOptions;
  readonly #entries = createCountedCache<Entry>({ maxEntries: MAX_TOKENS });
  readonly #flights = new Map<string, Promise<string>>();

  constructor(options: TokenCacheOptions) {
    this.#options = options;
  }

  /** @throws what issuing it failed with; a failure is not remembered */
  async get(challenge: BearerChallenge): Promise<string> {
    const key = keyOf(challenge);
    const entry = this.#entries.get(key);
    const now = this.#options.now();
    if (!entry || now >= entry.expiresAt) return this.#fly(key, challenge);
    // The old token works on; when renewal keeps failing, whoever comes after its end hears of it.
    if (now >= entry.refreshAt) this.#fly(key, challenge).catch(() => undefined);
    return entry.value;
  }

  /** Forgets a token the registry refused, unless another has taken its place. */
  forget(challenge: BearerChallenge, value: string): void {
    const key = keyOf(challenge);
    if (this.#entries.get(key)?.value === value) this.#entries.delete(key);
  }

  #fly(key: string, challenge: BearerChallenge): Promise<string> {
    const underWay = this.#flights.get(key);
    if (underWay) return underWay;
    const flight = this.#issue(key, challenge).finally(() => this.#flights.delete(key));
    this.#flights.set(key, flight);
    return flight;
  }

  async #issue(key: string, challenge: BearerChallenge): Promise<string> {
    // A token may have been made at any moment since it was asked for.
    const askedAt = this.#options.now();
    const { value, lifetimeMs } = await this.#options.issue(challenge);
    this.#entries.set(key, {
      value,
      refreshAt: askedAt + lifetimeMs * REFRESH_AT,
      expiresAt: askedAt + lifetimeMs,
    });
    return value;
  }
}

function keyOf({ realm, service, scope }: BearerChallenge): string {
  return JSON.stringify([realm.href, service, scope]);
}
