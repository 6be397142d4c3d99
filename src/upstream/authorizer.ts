import { createCountedCache } from '../cache/lru.ts';
import type { CallScope } from './call-scope.ts';
import { type Challenge, parseChallenges } from './challenge.ts';
import { basicAuthorization, parseBasicAuthorization } from './credentials/credentials.ts';
import type { EndpointCredentials } from './endpoint-credentials.ts';
import { isRealmUsable } from './realm.ts';
import type { BearerChallenge, TokenCache } from './token-cache.ts';
import { UpstreamError } from './upstream.ts';

export interface AuthorizerOptions {
  readonly upstream: string;
  /** The registry the header goes to, and to no other origin. */
  readonly registry: URL;
  readonly tokens: TokenCache;
  readonly credentials: Pick<EndpointCredentials, 'find' | 'renew' | 'renewalWorked'>;
}

/** What a registry wants to see for a repository. */
type Demand = { readonly scheme: 'bearer'; readonly challenge: BearerChallenge } | { readonly scheme: 'basic' };

interface Meant {
  readonly repository: string;
  readonly refused: string | undefined;
  /** To ask a token for, instead of those of the challenge. */
  readonly scopes?: string;
  /** For a challenge that names none, as some registries send it. */
  readonly defaultScopes?: string | undefined;
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
   * The header that meets a challenge; undefined when there is no other to give than the one that was refused.
   *
   * @param meant.refused the header that was sent and not accepted
   * @throws {UpstreamError} `unauthorized` when the realm cannot be used; nothing was sent to it
   */
  async respond(
    header: string | undefined,
    { repository, refused, scopes, defaultScopes }: Meant,
    scope: CallScope,
  ): Promise<string | undefined> {
    const scopeOf = (asked: string | undefined) => scopes ?? (asked || defaultScopes);
    for (const demand of this.#usable(parseChallenges(header ?? ''), scopeOf)) {
      if (demand.scheme === 'bearer' && refused?.startsWith('Bearer ')) {
        this.#options.tokens.forget(demand.challenge, refused.slice('Bearer '.length));
      }
      const authorization = await this.#meet(demand, scope);
      // Without credentials: a registry may offer anonymous tokens as well.
      if (authorization === undefined) continue;
      this.#demands.set(repository, demand);
      return authorization === refused ? undefined : authorization;
    }
    return undefined;
  }

  /** Another header than a `Basic` one that was refused; undefined when there is none. A helper's password may have expired. */
  async renew(repository: string, refused: string, scope: CallScope): Promise<string | undefined> {
    const shown = parseBasicAuthorization(refused);
    const renewed = shown && (await scope.race(this.#options.credentials.renew(shown, { purpose: repository })));
    return renewed?.kind === 'basic' ? basicAuthorization(renewed) : undefined;
  }

  /** The header that {@link renew} gave was accepted. */
  renewalWorked(repository: string): void {
    this.#options.credentials.renewalWorked({ purpose: repository });
  }

  async #meet(demand: Demand, scope: CallScope): Promise<string | undefined> {
    const { tokens, credentials: source } = this.#options;
    if (demand.scheme === 'bearer') return `Bearer ${await scope.race(tokens.get(demand.challenge))}`;
    const credentials = await scope.race(source.find());
    return credentials?.kind === 'basic' ? basicAuthorization(credentials) : undefined;
  }

  /** In the order in which they are offered; an unusable realm fails the call only when nothing else is. */
  #usable(
    challenges: readonly Challenge[],
    scopeOf: (asked: string | undefined) => string | undefined,
  ): readonly Demand[] {
    let unusable: UpstreamError | undefined;
    const demands: Demand[] = [];
    for (const { scheme, parameters } of challenges) {
      if (scheme === 'basic') demands.push({ scheme });
      if (scheme !== 'bearer') continue;
      const realm = parseUrl(parameters.get('realm') ?? '');
      if (realm && isRealmUsable(realm, this.#options.registry)) {
        const challenge = { realm, service: parameters.get('service'), scope: scopeOf(parameters.get('scope')) };
        demands.push({ scheme, challenge });
      } else {
        unusable = this.#unusable(realm);
      }
    }
    if (unusable && demands.length === 0) throw unusable;
    return demands;
  }

  #unusable(realm: URL | undefined): UpstreamError {
    const { upstream, registry } = this.#options;
    const where = realm ? `at ${realm.protocol}//${realm.host}` : 'without a valid URL';
    const message = `${upstream}: ${registry.host} names a token server ${where}, which cannot be used`;
    return new UpstreamError('unauthorized', message, { upstream, status: 401 });
  }
}

function parseUrl(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined;
}
