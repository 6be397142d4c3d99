import { readFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';

import * as oidc from 'openid-client';

import type { Identity } from '../auth/identity.ts';
import type { OidcConfig } from '../config/config.ts';
import { ControlError } from '../operations/control-error.ts';
import { formatCookie, formatNoCookie, readCookie } from './cookies.ts';
import type { Seal } from './seal.ts';

export interface OidcOptions {
  readonly config: OidcConfig;
  /** Of the cookie between the two requests of a sign-in. */
  readonly seal: Seal;
  /** URL to which the provider sends the browser back, without a query. */
  readonly callbackUrl: (request: IncomingMessage) => string;
  readonly isSecure: (request: IncomingMessage) => boolean;
  /** Gets the reason of a failure, which the client does not. */
  readonly onFailed: (request: IncomingMessage, reason: string) => void;
  readonly now: () => number;
}

/** What the callback has to match. */
interface Expected {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
}

/** A browser that is led to the provider. */
export interface Redirected {
  readonly url: string;
  readonly cookie: string;
}

export interface ProvidedUser {
  readonly identity: Identity;
  /** Removes the cookie of {@link Redirected}. */
  readonly cookie: string;
}

const COOKIE = 'layover-oidc';
/** For a person to sign in at the provider. Seconds. */
const MAX_AGE = 600;

/**
 * Sign-in at an OpenID Connect provider, by authorization code with PKCE. The signature of the ID token is verified, too.
 *
 * @see https://openid.net/specs/openid-connect-core-1_0.html#CodeFlowAuth
 */
export class OidcSignIn {
  readonly #options: OidcOptions;
  /** Absent before the first sign-in, and after one that failed: the provider or the secret may have changed. */
  #provider: Promise<oidc.Configuration> | undefined;

  constructor(options: OidcOptions) {
    this.#options = options;
  }

  /** @throws {ControlError} `unavailable` when the provider does not respond */
  async begin(request: IncomingMessage): Promise<Redirected> {
    const provider = await this.#discover().catch((error: unknown) => {
      this.#failed(request, error);
      throw new ControlError('unavailable', 'the provider of sign-ins does not respond; see the log');
    });
    const { config, seal, callbackUrl, isSecure, now } = this.#options;
    const verifier = oidc.randomPKCECodeVerifier();
    const expected: Expected = { state: oidc.randomState(), nonce: oidc.randomNonce(), verifier };
    const url = oidc.buildAuthorizationUrl(provider, {
      redirect_uri: callbackUrl(request),
      scope: config.scopes,
      state: expected.state,
      nonce: expected.nonce,
      code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
    });
    const value = await seal.seal(expected, { proof: config.issuer, until: now() + MAX_AGE * 1000 });
    // The provider leads back here from another site.
    const cookie = formatCookie(COOKIE, value, { isSecure: isSecure(request), maxAge: MAX_AGE, sameSite: 'Lax' });
    return { url: url.href, cookie };
  }

  /** @throws {ControlError} `denied` */
  async finish(request: IncomingMessage): Promise<ProvidedUser> {
    const { seal, isSecure, now } = this.#options;
    const isEncrypted = isSecure(request);
    const opened = await seal.open(readCookie(request, COOKIE, isEncrypted) ?? '', now());
    if (!opened) throw new ControlError('denied', 'the sign-in took too long, or began in another browser: try again');
    try {
      const identity = await this.#identify(request, opened.content as Expected);
      return { identity, cookie: formatNoCookie(COOKIE, { isSecure: isEncrypted }) };
    } catch (error) {
      this.#failed(request, error);
      throw new ControlError('denied', 'the sign-in at the provider failed; see the log');
    }
  }

  async #identify(request: IncomingMessage, { state, nonce, verifier }: Expected): Promise<Identity> {
    const url = new URL(this.#options.callbackUrl(request));
    url.search = request.url?.split('?')[1] ?? '';
    const checks = { expectedState: state, expectedNonce: nonce, pkceCodeVerifier: verifier };
    const tokens = await oidc.authorizationCodeGrant(await this.#discover(), url, checks);
    return identityOf(tokens.claims() ?? {}, this.#options.config);
  }

  #discover(): Promise<oidc.Configuration> {
    this.#provider ??= discover(this.#options.config);
    return this.#provider;
  }

  #failed(request: IncomingMessage, error: unknown): void {
    this.#provider = undefined;
    this.#options.onFailed(request, error instanceof Error ? error.message : String(error));
  }
}

async function discover({ issuer, clientId, clientSecretFile }: OidcConfig): Promise<oidc.Configuration> {
  const secret = clientSecretFile === undefined ? undefined : (await readFile(clientSecretFile, 'utf8')).trim();
  const url = new URL(issuer);
  // For a provider on this machine; the configuration warns about others.
  // oxlint-disable-next-line typescript/no-deprecated -- only to stand out
  const insecure = url.protocol === 'http:' ? [oidc.allowInsecureRequests] : [];
  const execute = [oidc.enableNonRepudiationChecks, ...insecure];
  return oidc.discovery(url, clientId, secret, secret === undefined ? oidc.None() : undefined, { execute });
}

/** @throws {Error} when the name is not a claim, or is a mail address that the provider has not verified */
function identityOf(
  claims: Readonly<Record<string, unknown>>,
  { usernameClaim, groupsClaim }: Pick<OidcConfig, 'usernameClaim' | 'groupsClaim'>,
): Identity {
  const name = claims[usernameClaim];
  if (typeof name !== 'string' || name.trim() === '') throw new Error(`the ID token has no claim ${usernameClaim}`);
  if (usernameClaim === 'email' && claims['email_verified'] === false)
    throw new Error('the provider has not verified the mail address');
  const groups = [claims[groupsClaim]].flat().filter((group) => typeof group === 'string');
  return { name, groups };
}
