import { isRealmAllowed } from './realm.ts';
import type { Credentials, CredentialsSource } from './credentials/credentials.ts';
import { findCredentials } from './credentials/credentials-chain.ts';
import { RenewalBudget } from './renewal-budget.ts';

export interface EndpointCredentialsOptions {
  readonly sources: readonly CredentialsSource[];
  /** Of the registry, or of one mirror. */
  readonly base: URL;
  readonly onFailure: (source: string, reason: string) => void;
  /** Unix milliseconds. */
  readonly now: () => number;
}

/** Whose refusal is to be met. */
export interface Renewal {
  /** What was refused: a repository, or the scope of a token. */
  readonly purpose: string;
  /** The token server that refused; undefined: the registry. */
  readonly realm?: URL;
}

/** The credentials for one base URL, and who may see them. */
export class EndpointCredentials {
  readonly #options: EndpointCredentialsOptions;
  readonly #budget: RenewalBudget;

  constructor(options: EndpointCredentialsOptions) {
    this.#options = options;
    this.#budget = new RenewalBudget(options.now);
  }

  /** @param realm the token server that is to get them; undefined: the registry itself */
  find(realm?: URL): Promise<Credentials | undefined> {
    const { base, onFailure } = this.#options;
    return findCredentials(this.#sourcesFor(realm), base.host, onFailure);
  }

  /** Whether the configuration names this token server. */
  isNamed(realm: URL): boolean {
    return this.#options.sources.some((source) => isNamedBy(source, realm));
  }

  /**
   * Other credentials than those that were refused: such as came since, or what a helper says when it is asked again. A password that a
   * helper gave may have expired.
   *
   * @returns undefined when there are none, or helpers have been asked too often in vain
   */
  async renew(refused: Credentials, { purpose, realm }: Renewal): Promise<Credentials | undefined> {
    const current = await this.find(realm);
    if (!isSame(current, refused)) return current;
    const helpers = this.#sourcesFor(realm).filter(({ forget }) => forget !== undefined);
    if (helpers.length === 0 || !this.#budget.take(purpose)) return undefined;
    for (const helper of helpers) helper.forget?.();
    const renewed = await this.find(realm);
    return isSame(renewed, refused) ? undefined : renewed;
  }

  /** What {@link renew} gave was taken. */
  renewalWorked({ purpose }: Renewal): void {
    this.#budget.refund(purpose);
  }

  #sourcesFor(realm: URL | undefined): readonly CredentialsSource[] {
    const { sources, base } = this.#options;
    if (realm === undefined || isRealmAllowed(realm, base)) return sources;
    return sources.filter((source) => isNamedBy(source, realm));
  }
}

/** With its port, or on any. */
function isNamedBy({ realms = [] }: CredentialsSource, { host, hostname }: URL): boolean {
  return realms.includes(host) || realms.includes(hostname);
}

function isSame(a: Credentials | undefined, b: Credentials | undefined): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
