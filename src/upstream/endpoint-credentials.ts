import { createCountedCache } from '../cache/lru.ts';
import type { Credentials, CredentialsSource } from './credentials/credentials.ts';
import { findCredentials } from './credentials/credentials-chain.ts';
import { isRealmAllowed } from './realm.ts';

export interface EndpointCredentialsOptions {
  readonly sources: readonly CredentialsSource[];
  /** Of the registry, or of one mirror. */
  readonly base: URL;
  readonly onFailure: (source: string, reason: string) => void;
  /** Unix milliseconds. */
  readonly now: () => number;
}

/** A refusal of credentials. */
export interface Renewal {
  /** The repository, or the scope of the token, that was refused. */
  readonly purpose: string;
  /** The token server that refused; absent when it was the registry. */
  readonly realm?: URL;
}

/** The credentials for one base URL; decides who may get them. */
export class EndpointCredentials {
  readonly #options: EndpointCredentialsOptions;
  readonly #budget: RenewalBudget;
  #account = 'anonymous';

  constructor(options: EndpointCredentialsOptions) {
    this.#options = options;
    this.#budget = new RenewalBudget(options.now);
  }

  /** @param realm the token server that is to get them; undefined: the registry itself */
  async find(realm?: URL): Promise<Credentials | undefined> {
    const { base, onFailure } = this.#options;
    const found = await findCredentials(await this.#sourcesFor(realm), base.host, onFailure);
    this.#account = accountOf(found);
    return found;
  }

  /** User name of the credentials that were found last; `anonymous` without any, `token` for an identity token. */
  get account(): string {
    return this.#account;
  }

  /** Whether a helper can return other credentials at any time. */
  get hasHelper(): boolean {
    return this.#options.sources.some(({ forget }) => forget !== undefined);
  }

  /** Whether the configuration names this token server. */
  isNamed(realm: URL): boolean {
    return this.#options.sources.some((source) => isNamedBy(source, realm));
  }

  /**
   * Other credentials than those that were refused: newer ones, or those that a helper returns when it runs again. A password from a
   * helper may have expired.
   *
   * @returns undefined when there are none, or helpers have run too often without success
   */
  async renew(refused: Credentials, { purpose, realm }: Renewal): Promise<Credentials | undefined> {
    const current = await this.find(realm);
    if (!isSame(current, refused)) return current;
    const helpers = (await this.#sourcesFor(realm)).filter(({ forget }) => forget !== undefined);
    if (helpers.length === 0 || !this.#budget.take(purpose)) return undefined;
    for (const helper of helpers) helper.forget?.();
    const renewed = await this.find(realm);
    return isSame(renewed, refused) ? undefined : renewed;
  }

  /** The credentials from {@link renew} were accepted. */
  renewalWorked({ purpose }: Renewal): void {
    this.#budget.refund(purpose);
  }

  async #sourcesFor(realm: URL | undefined): Promise<readonly CredentialsSource[]> {
    const { sources, base } = this.#options;
    if (realm === undefined || (await isRealmAllowed(realm, base))) return sources;
    return sources.filter((source) => isNamedBy(source, realm));
  }
}

function accountOf(credentials: Credentials | undefined): string {
  if (credentials === undefined) return 'anonymous';
  return credentials.kind === 'basic' ? credentials.username : 'token';
}

/** With its port, or on any. */
function isNamedBy({ realms = [] }: CredentialsSource, { host, hostname }: URL): boolean {
  return realms.includes(host) || realms.includes(hostname);
}

function isSame(a: Credentials | undefined, b: Credentials | undefined): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** Renewals in a row that do not help; one more each {@link REFILL_MS}. */
const MAX_USELESS = 5;
/** Milliseconds. */
const REFILL_MS = 10_000;
/** After a renewal that did not help, time without another for the same purpose. Milliseconds. */
const HOLD_MS = 60_000;
const MAX_PURPOSES = 1_000;

/**
 * How often refused credentials may be renewed. A registry refuses expired credentials in the same form as content that they do not give
 * access to, and clients request the latter as often as they like.
 */
class RenewalBudget {
  readonly #now: () => number;
  readonly #held = createCountedCache<{ readonly until: number }>({ maxEntries: MAX_PURPOSES });
  #left = MAX_USELESS;
  #refilledAt: number;

  /** @param now unix milliseconds */
  constructor(now: () => number) {
    this.#now = now;
    this.#refilledAt = now();
  }

  /** Counts as useless until {@link refund} is called. */
  take(purpose: string): boolean {
    const now = this.#now();
    const refills = Math.floor((now - this.#refilledAt) / REFILL_MS);
    this.#left = Math.min(MAX_USELESS, this.#left + refills);
    this.#refilledAt += refills * REFILL_MS;
    if (this.#left < 1 || (this.#held.get(purpose)?.until ?? 0) > now) return false;
    this.#left--;
    this.#held.set(purpose, { until: now + HOLD_MS });
    return true;
  }

  refund(purpose: string): void {
    if (this.#held.get(purpose) === undefined) return;
    this.#held.delete(purpose);
    this.#left = Math.min(MAX_USELESS, this.#left + 1);
  }
}
