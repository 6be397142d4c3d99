import { decodeProtectedHeader, errors, type JWTPayload, jwtVerify } from 'jose';

import type { Access } from './access.ts';
import type { Identity } from './identity.ts';
import { findKey, type KeyHeader, type KeySource } from './token-keys.ts';
import type { TrustedKeys } from './trusted-keys.ts';
import { CredentialCache } from './credential-cache.ts';

/** Tolerated clock difference; distribution's. */
const LEEWAY_SECONDS = 60;

export interface TokenVerifierOptions {
  readonly keys: KeySource;
  readonly issuer: string;
  readonly audience: string;
  readonly algorithms: readonly string[];
  readonly groupsClaim: string;
  readonly now: () => number;
}

export interface VerifiedToken {
  readonly identity: Identity;
  readonly claims: JWTPayload;
  /** The keys that it was verified with. */
  readonly keys: TrustedKeys;
}

/** A token is not valid; the message may be logged. */
export class BadTokenError extends Error {
  override readonly name = 'BadTokenError';
}

/**
 * Verifies tokens: signature, issuer, audience and lifetime.
 *
 * @see https://github.com/distribution/distribution/blob/v3.0.0/docs/content/spec/auth/jwt.md
 */
export class TokenVerifier {
  readonly #options: TokenVerifierOptions;
  readonly #credentials: CredentialCache;

  constructor(options: TokenVerifierOptions) {
    this.#options = options;
    this.#credentials = new CredentialCache(options.now);
  }

  /**
   * Synchronous for a token that was verified a moment ago.
   *
   * @throws {BadTokenError | RegistryError} the latter `UNAVAILABLE`, when the keys are not available
   */
  identify(token: string): Identity | Promise<Identity> {
    const keys = this.#options.keys.current();
    if (keys instanceof Promise) return this.#identify(token);
    return this.#credentials.find(this.#credentials.nameOf(token), keys) ?? this.#identify(token);
  }

  async #identify(token: string): Promise<Identity> {
    const { identity, claims, keys } = await this.verify(token);
    const until = (Number(claims.exp) + LEEWAY_SECONDS) * 1000;
    this.#credentials.keep(this.#credentials.nameOf(token), keys, { identity, until });
    return identity;
  }

  /** @throws {BadTokenError | RegistryError} */
  async verify(token: string): Promise<VerifiedToken> {
    const { key, keys } = await this.#keyOf(token);
    const { issuer, audience, algorithms, now } = this.#options;
    try {
      const { payload } = await jwtVerify(token, key, {
        issuer,
        audience,
        algorithms: [...algorithms],
        clockTolerance: LEEWAY_SECONDS,
        currentDate: new Date(now()),
        requiredClaims: ['exp'],
      });
      return { claims: payload, keys, identity: this.#identityOf(payload) };
    } catch (err) {
      throw err instanceof BadTokenError ? err : new BadTokenError(reasonOf(err));
    }
  }

  async #keyOf(token: string) {
    const header = parseHeader(token);
    const { keys, now, algorithms } = this.#options;
    if (!algorithms.includes(header.alg ?? '')) throw new BadTokenError('the algorithm is not accepted');
    const known = await keys.current();
    const key = findKey(header, known, now());
    if (key) return { key, keys: known };
    // Only a key id can belong to a newer key.
    const newer = keys.newer && header.x5c === undefined ? await keys.newer() : known;
    const newKey = findKey(header, newer, now());
    if (newKey) return { key: newKey, keys: newer };
    throw new BadTokenError('signed by a key that is not trusted');
  }

  #identityOf(claims: JWTPayload): Identity {
    const { sub = '', access = [], [this.#options.groupsClaim]: groups } = claims;
    if (typeof sub !== 'string') throw new BadTokenError('sub is not a string');
    return { name: sub, groups: toTexts(groups), grants: parseAccess(access) };
  }
}

function parseHeader(token: string): KeyHeader {
  try {
    return decodeProtectedHeader(token);
  } catch {
    throw new BadTokenError('not a token');
  }
}

function toTexts(claim: unknown): string[] {
  const list: unknown[] = Array.isArray(claim) ? claim : [claim];
  return list.filter((entry) => typeof entry === 'string');
}

function parseAccess(claim: unknown): Access[] {
  if (claim === null) return [];
  if (!Array.isArray(claim)) throw new BadTokenError('access is not a list');
  return claim.map((entry: unknown) => {
    const { type, name, actions } = (entry ?? {}) as Partial<Record<keyof Access, unknown>>;
    if (typeof type !== 'string' || typeof name !== 'string') throw new BadTokenError('access has no type or name');
    return { type, name, actions: toTexts(actions ?? []) };
  });
}

/** Messages of jose name claims but contain no values of the token. */
function reasonOf(err: unknown): string {
  if (err instanceof errors.JOSEError) return err.message;
  return 'the key is not for this algorithm';
}
