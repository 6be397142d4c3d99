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
  /** The only origin that the header is sent to. */
  readonly registry: URL;
  readonly tokens: TokenCache;
  readonly credentials: Pick<EndpointCredentials, 'find' | 'renew' | 'renewalWorked'>;
}

/** What a registry requires for a repository. */
type Requirement = { readonly scheme: 'bearer'; readonly challenge: BearerChallenge } | { readonly scheme: 'basic' };

interface Refusal {
  readonly repository: string;
  readonly refused: string | undefined;
  /** For the token, instead of those of the challenge. */
  readonly scopes?: string;
  /** For a challenge without a scope, as some registries send it. */
  readonly defaultScopes?: string | undefined;
}

const MAX_REPOSITORIES = 10_000;

/** Creates the `Authorization` header for one registry, and remembers what it required for each repository. */
export class Authorizer {
  readonly #options: AuthorizerOptions;
  readonly #requirements = createCountedCache<Requirement>({ maxEntries: MAX_REPOSITORIES });

  constructor(options: AuthorizerOptions) {
    this.#options = options;
  }

  /** The header for the first attempt; undefined before the registry has sent a challenge. @throws {UpstreamError} */
  async recall(repository: string, scope: CallScope): Promise<string | undefined> {
    const requirement = this.#requirements.get(repository);
    if (!requirement) return undefined;
    try {
      return await this.#meet(requirement, scope);
    } catch (err) {
      // The registry may have moved its token server; the next call gets a new challenge.
      this.#requirements.delete(repository);
      throw err;
    }
  }

  /**
   * The header that meets a challenge; undefined when the only one is the one that was refused.
   *
   * @param refusal.refused the header that was sent and not accepted
   * @throws {UpstreamError} `unauthorized` when the realm cannot be used; nothing was sent to it
   */
  async respond(
    header: string | undefined,
    { repository, refused, scopes, defaultScopes }: Refusal,
    scope: CallScope,
  ): Promise<string | undefined> {
    const scopeOf = (named: string | undefined) => scopes ?? (named || defaultScopes);
    for (const requirement of this.#usable(parseChallenges(header ?? ''), scopeOf)) {
      if (requirement.scheme === 'bearer' && refused?.startsWith('Bearer ')) {
        this.#options.tokens.forget(requirement.challenge, refused.slice('Bearer '.length));
      }
      const authorization = await this.#meet(requirement, scope);
      // Without credentials: a registry may offer anonymous tokens as well.
      if (authorization === undefined) continue;
      this.#requirements.set(repository, requirement);
      return authorization === refused ? undefined : authorization;
    }
    return undefined;
  }

  /** Another header in place of a refused `Basic` one; undefined when there is none. A helper's password may have expired. */
  async renew(repository: string, refused: string, scope: CallScope): Promise<string | undefined> {
    const shown = parseBasicAuthorization(refused);
    const renewed = shown && (await scope.race(this.#options.credentials.renew(shown, { purpose: repository })));
    return renewed?.kind === 'basic' ? basicAuthorization(renewed) : undefined;
  }

  /** The header from {@link renew} was accepted. */
  renewalWorked(repository: string): void {
    this.#options.credentials.renewalWorked({ purpose: repository });
  }

  async #meet(requirement: Requirement, scope: CallScope): Promise<string | undefined> {
    const { tokens, credentials: source } = this.#options;
    if (requirement.scheme === 'bearer') {
      const { challenge } = requirement;
      const token = scope.needsNewToken ? tokens.renew(challenge) : tokens.get(challenge);
      return `Bearer ${await scope.race(token)}`;
    }
    const credentials = await scope.race(source.find());
    return credentials?.kind === 'basic' ? basicAuthorization(credentials) : undefined;
  }

  /** In the order of the challenges; an unusable realm fails the call only when there is no usable challenge. */
  #usable(
    challenges: readonly Challenge[],
    scopeOf: (named: string | undefined) => string | undefined,
  ): readonly Requirement[] {
    let unusable: UpstreamError | undefined;
    const requirements: Requirement[] = [];
    for (const { scheme, parameters } of challenges) {
      if (scheme === 'basic') requirements.push({ scheme });
      if (scheme !== 'bearer') continue;
      const realm = parseUrl(parameters.get('realm') ?? '');
      if (realm && isRealmUsable(realm, this.#options.registry)) {
        const challenge = { realm, service: parameters.get('service'), scope: scopeOf(parameters.get('scope')) };
        requirements.push({ scheme, challenge });
      } else {
        unusable = this.#unusable(realm);
      }
    }
    if (unusable && requirements.length === 0) throw unusable;
    return requirements;
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
