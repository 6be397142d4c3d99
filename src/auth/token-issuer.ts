import { createHash, randomUUID } from 'node:crypto';
import { SignJWT } from 'jose';

import type { IssuerConfig } from '../config/config.ts';
import type { Access } from './access.ts';
import type { AuthEvents } from './auth-events.ts';
import { Bearer } from './bearer.ts';
import type { Identity } from './identity.ts';
import { SigningKeys } from './signing-keys.ts';
import { BadTokenError, TokenVerifier } from './token-verifier.ts';

const SECOND = 1000;
const ALGORITHMS = ['ES256', 'ES384', 'ES512', 'RS256', 'EdDSA'];

export interface IssuedToken {
  readonly token: string;
  readonly lifetimeSeconds: number;
  readonly issuedAt: Date;
}

export interface TokenIssuerOptions {
  readonly config: IssuerConfig;
  /** A value that changes with the user's password; undefined when there is no such user. Absent without users with passwords. */
  readonly passwordMark: ((user: string) => Promise<string | undefined>) | undefined;
  readonly events: AuthEvents;
  readonly now: () => number;
}

/** Issues tokens and accepts them. */
export class TokenIssuer {
  /** Accepts the tokens that were issued. */
  readonly bearer: Bearer;
  /** The name of this service in tokens. */
  readonly service: string;
  readonly #options: TokenIssuerOptions;
  readonly #keys: SigningKeys;
  readonly #refreshTokens: TokenVerifier;

  private constructor(options: TokenIssuerOptions, keys: SigningKeys) {
    const { config, events, now } = options;
    const { service, issuer } = config;
    const rules = { keys, issuer, algorithms: ALGORITHMS, groupsClaim: 'groups', now };
    this.service = service;
    this.#options = options;
    this.#keys = keys;
    this.#refreshTokens = new TokenVerifier({ ...rules, audience: refreshAudience(service) });
    this.bearer = new Bearer({
      method: 'issuer',
      service,
      verifier: new TokenVerifier({ ...rules, audience: service }),
      events,
      realmOf: ({ baseUrl }) => `${baseUrl}/token`,
    });
  }

  /** @throws {Error} when the file with keys cannot be used or created */
  static async open(options: TokenIssuerOptions): Promise<TokenIssuer> {
    return new TokenIssuer(options, await SigningKeys.open(options.config.keyFile, options));
  }

  issue({ name, groups }: Identity, access: readonly Access[]): Promise<IssuedToken> {
    const { service, lifetimeMs } = this.#options.config;
    const claims = { access, ...(groups.length > 0 && { groups }) };
    return this.#sign(name, claims, { audience: service, lifetimeMs });
  }

  /** A refresh token, which a client can store instead of a password. @returns undefined for a user without a password, or when refresh tokens are off */
  async issueRefresh({ name }: Identity): Promise<string | undefined> {
    const { config, passwordMark } = this.#options;
    const mark = name === '' ? undefined : await passwordMark?.(name);
    if (mark === undefined || config.refreshLifetimeMs === 0) return undefined;
    const lifetimeMs = config.refreshLifetimeMs;
    const audience = refreshAudience(config.service);
    return (await this.#sign(name, { mark: hashOf(name, mark) }, { audience, lifetimeMs })).token;
  }

  /** @returns undefined when the token is not valid: wrong, expired, of a removed user, or older than the user's password */
  async redeem(refreshToken: string): Promise<Identity | undefined> {
    try {
      const { identity, claims } = await this.#refreshTokens.verify(refreshToken);
      const mark = await this.#options.passwordMark?.(identity.name);
      const isGood = mark !== undefined && claims['mark'] === hashOf(identity.name, mark);
      return isGood ? { name: identity.name, groups: [] } : undefined;
    } catch (err) {
      if (err instanceof BadTokenError) return undefined;
      throw err;
    }
  }

  async #sign(
    subject: string,
    claims: Record<string, unknown>,
    { audience, lifetimeMs }: { audience: string; lifetimeMs: number },
  ): Promise<IssuedToken> {
    const { id, key, algorithm } = await this.#keys.signing();
    const issuedAt = Math.floor(this.#options.now() / SECOND);
    const lifetimeSeconds = Math.max(1, Math.floor(lifetimeMs / SECOND));
    const token = await new SignJWT(claims)
      .setProtectedHeader({ typ: 'JWT', alg: algorithm, kid: id })
      .setIssuer(this.#options.config.issuer)
      .setSubject(subject)
      .setAudience(audience)
      .setIssuedAt(issuedAt)
      .setNotBefore(issuedAt)
      .setExpirationTime(issuedAt + lifetimeSeconds)
      .setJti(randomUUID())
      .sign(key);
    return { token, lifetimeSeconds, issuedAt: new Date(issuedAt * SECOND) };
  }
}

/** Different from the audience of access tokens, so that neither is accepted as the other. */
function refreshAudience(service: string): string {
  return `${service} refresh`;
}

function hashOf(user: string, mark: string): string {
  return createHash('sha256').update(`${user}\0${mark}`).digest('base64url');
}
