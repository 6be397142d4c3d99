import { createCountedCache } from '../cache/lru.ts';
import type { CallScope } from './call-scope.ts';
import { type Challenge, parseChallenges } from './challenge.ts';
import { basicAuthorization, type Credentials } from './credentials/credentials.ts';
import { isRealmAllowed } from './realm.ts';
import type { BearerChallenge, TokenCache } from './token-cache.ts';
import { UpstreamError } from './upstream.ts';

export interface AuthorizerOptions {
  readonly upstream: string;
  /** The registry the header goes to, and to no other origin. */
  readonly registry: URL;
  readonly tokens: TokenCache;
  readonly findCredentials: () => Promise<Credentials | undefined>;
}

/** What a registry wants to see for a repository. */
type Demand = { readonly scheme: 'bearer'; readonly challenge: BearerChallenge } | { readonly scheme: 'basic' };

interface Meant {
  readonly repository: string;
  readonly refused: string | undefined;
  readonly scopes?: string;
}

const MAX_REPOSITORIES = 10_000;

/** Makes the `Authorization` header for one registry, and remembers per repository what it wanted last time. */
export class Authorizer {
  readonly #options: AuthorizerOptions;
  readonly #demands = createCountedCache<Demand>({ maxEntries: MAX_REPOSITORIES });

  constructor(options: AuthorizerOptions) {
    this.#options = options;
  }

  /** The header to send at once; undefined before the registry has asked for one. @throws {UpstreamError} */
  async recall(repository: string, scope: CallScope): Promise<string | undefined> {
    const demand = this.#demands.get(repository);
    if (!demand) return undefined;
    try {
      return await this.#meet(demand, scope);
    } catch (err) {
      // The registry may have moved its token server; the next call asks it.
      this.#demands.delete(repository);
      throw err;
    }
  }

  /**
   * The header that meets a challenge; undefined when there is none to give.
   *
   * @param refused the header that was sent and not accepted
   * @param scopes to ask a token for; undefined: those of the challenge
   * @throws {UpstreamError} `unauthorized` when the realm is not to be trusted; nothing was sent to it
   */
  async respond(
    header: string | undefined,
    { repository, refused, scopes }: Meant,
    scope: CallScope,
  ): Promise<string | undefined> {
    const demand = this.#choose(parseChallenges(header ?? ''), scopes);
    if (!demand) return undefined;
    if (demand.scheme === 'bearer' && refused?.startsWith('Bearer ')) {
      this.#options.tokens.forget(demand.challenge, refused.slice('Bearer '.length));
    }
    const authorization = await this.#meet(demand, scope);
    if (authorization !== undefined) this.#demands.set(repository, demand);
    return authorization;
  }

  async #meet(demand: Demand, scope: CallScope): Promise<string | undefined> {
    const { tokens, findCredentials } = this.#options;
    if (demand.scheme === 'bearer') return `Bearer ${await scope.race(tokens.get(demand.challenge))}`;
    const credentials = await scope.race(findCredentials());
    return credentials?.kind === 'basic' ? basicAuthorization(credentials) : undefined;
  }

  /** The first demand that may be met; a realm we do not trust fails the call only when nothing else is offered. */
  #choose(challenges: readonly Challenge[], scopes: string | undefined): Demand | undefined {
    let distrusted: UpstreamError | undefined;
    for (const { scheme, parameters } of challenges) {
      if (scheme === 'basic') return { scheme };
      if (scheme !== 'bearer') continue;
      const realm = parseUrl(parameters.get('realm') ?? '');
      if (realm && isRealmAllowed(realm, this.#options.registry)) {
        const challenge = { realm, service: parameters.get('service'), scope: scopes ?? parameters.get('scope') };
        return { scheme, challenge };
      }
      distrusted = this.#distrust(realm);
    }
    if (distrusted) throw distrusted;
    return undefined;
  }

  #distrust(realm: URL | undefined): UpstreamError {
    const { upstream, registry } = this.#options;
    const where = realm ? `at ${realm.protocol}//${realm.host}` : 'without a valid URL';
    const message = `${upstream}: ${registry.host} names a token server ${where}, which is not trusted with requests for it`;
    return new UpstreamError('unauthorized', message, { upstream, status: 401 });
  }
}

function parseUrl(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined;
}
