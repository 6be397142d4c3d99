import { responseError } from './response-error.ts';
import { isRecord, readJson } from './response-body.ts';
import { CallScope } from './call-scope.ts';
import type { Connections } from './connections/connections.ts';
import { basicAuthorization, type Credentials } from './credentials/credentials.ts';
import type { EndpointCredentials } from './endpoint-credentials.ts';
import type { LoginGuard } from './login-guard.ts';
import type { BearerChallenge, IssuedToken } from './token-cache.ts';
import type { ExchangeResponse, ExchangeRequest, Transport } from './transport.ts';
import { UpstreamError } from './upstream.ts';

export interface TokenServerOptions {
  readonly upstream: string;
  readonly transport: Transport;
  readonly now: () => number;
  /** Decides which token servers may get them. */
  readonly credentials: Pick<EndpointCredentials, 'find' | 'renew' | 'renewalWorked'>;
  /** Absent for tokens that need no login. */
  readonly logins?: LoginGuard | undefined;
  /**
   * Connections to a realm; undefined for those to the upstream's own hosts.
   *
   * @throws {UpstreamError} for a realm that the registry may not lead to
   */
  readonly connectionsTo: (realm: URL) => Promise<Connections | undefined>;
}

/** Bytes. */
const MAX_TOKEN_BODY = 64 * 1024;
/** A token is shared by many callers, so it has a separate deadline. Milliseconds. */
const TOKEN_DEADLINE_MS = 15_000;
/** For a server that does not state it. Seconds. @see https://distribution.github.io/distribution/spec/auth/token/ */
const DEFAULT_LIFETIME_S = 60;

/**
 * Fetches the token that a challenge requires: by `GET` with Basic credentials or none, or by the OAuth2 refresh grant when
 * the credentials are an identity token. The caller has checked that the realm is usable, and retries.
 *
 * @throws {UpstreamError}
 * @see https://distribution.github.io/distribution/spec/auth/token/
 * @see https://distribution.github.io/distribution/spec/auth/oauth/
 */
export async function issueToken(challenge: BearerChallenge, options: TokenServerOptions): Promise<IssuedToken> {
  const { upstream, credentials, logins } = options;
  const scope = new CallScope(upstream, { deadlineMs: TOKEN_DEADLINE_MS });
  try {
    const shown = await scope.race(credentials.find(challenge.realm));
    logins?.enter(shown);
    try {
      const token = await requestOrRenew(challenge, shown, { scope, ...options });
      logins?.succeeded();
      return token;
    } catch (err) {
      if (logins && shown) await noteFailure(err, shown, { ...options, logins, challenge, scope });
      else logins?.failed(err, shown);
      throw err;
    }
  } finally {
    scope.close();
  }
}

interface FailedLogin extends TokenServerOptions {
  readonly logins: LoginGuard;
  readonly challenge: BearerChallenge;
  readonly scope: CallScope;
}

/**
 * Some token servers return 401 for a repository that the account may not read. A token without a scope shows whether the login itself
 * works: a client that requests such repositories must not stop the account.
 */
async function noteFailure(err: unknown, shown: Credentials, { logins, challenge, ...options }: FailedLogin) {
  const isRefused = err instanceof UpstreamError && err.kind === 'unauthorized';
  if (!isRefused || logins.workedLately) return logins.failed(err, shown);
  try {
    await requestToken({ ...challenge, scope: undefined }, shown, options);
    logins.succeeded();
  } catch (proof) {
    logins.failed(proof, shown);
  }
}

async function requestOrRenew(
  challenge: BearerChallenge,
  shown: Credentials | undefined,
  options: TokenServerOptions & { readonly scope: CallScope },
): Promise<IssuedToken> {
  const { credentials, scope } = options;
  try {
    return await requestToken(challenge, shown, options);
  } catch (err) {
    const renewal = { purpose: challenge.scope ?? '', realm: challenge.realm };
    const renewed = shown && isRefusal(err) ? await scope.race(credentials.renew(shown, renewal)) : undefined;
    if (!renewed) throw err;
    const token = await requestToken(challenge, renewed, options);
    credentials.renewalWorked(renewal);
    return token;
  }
}

async function requestToken(
  challenge: BearerChallenge,
  credentials: Credentials | undefined,
  { scope, ...options }: TokenServerOptions & { readonly scope: CallScope },
): Promise<IssuedToken> {
  const { transport, connectionsTo } = options;
  const connections = await connectionsTo(challenge.realm);
  const request = { ...tokenRequest(challenge, credentials), connections, retry: 0 };
  return readToken(await transport.exchange(request, scope), scope, options);
}

function isRefusal(err: unknown): boolean {
  return err instanceof UpstreamError && (err.kind === 'unauthorized' || err.kind === 'denied');
}

function tokenRequest(
  challenge: BearerChallenge,
  credentials: Credentials | undefined,
): Omit<ExchangeRequest, 'retry'> {
  const { realm, service, scope } = challenge;
  if (credentials?.kind === 'identity-token') {
    return {
      url: realm,
      method: 'POST',
      operation: 'token',
      headers: { accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded' },
      body: refreshGrant(challenge, credentials.token).toString(),
    };
  }
  const url = new URL(realm);
  if (service !== undefined) url.searchParams.set('service', service);
  for (const one of scope?.split(' ') ?? []) url.searchParams.append('scope', one);
  if (credentials) url.searchParams.set('account', credentials.username);
  const authorization = credentials && { authorization: basicAuthorization(credentials) };
  return { url, method: 'GET', operation: 'token', headers: { accept: 'application/json', ...authorization } };
}

function refreshGrant({ service, scope }: BearerChallenge, refreshToken: string): URLSearchParams {
  return new URLSearchParams({
    grant_type: 'refresh_token',
    client_id: 'layover',
    refresh_token: refreshToken,
    ...(service !== undefined && { service }),
    ...(scope !== undefined && { scope }),
  });
}

async function readToken(
  response: ExchangeResponse,
  scope: CallScope,
  options: TokenServerOptions,
): Promise<IssuedToken> {
  const { upstream, now } = options;
  if (response.status !== 200)
    throw await responseError(response, { upstream, scope, now: now(), from: 'token server' });
  const body = await readJson(response, { upstream, limit: MAX_TOKEN_BODY, scope });
  const value = isRecord(body) ? [body.token, body.access_token].find(isToken) : undefined;
  if (!isRecord(body) || value === undefined) {
    throw new UpstreamError('protocol', `${upstream}: no token in the response of ${response.url.host}`, { upstream });
  }
  const seconds = Number(body.expires_in);
  return { value, lifetimeMs: (seconds > 0 && Number.isFinite(seconds) ? seconds : DEFAULT_LIFETIME_S) * 1_000 };
}

/** Only characters that a header may have: anything else that a token server sends must not become part of a request. */
function isToken(value: unknown): value is string {
  return typeof value === 'string' && /^[\x21-\x7e]+$/.test(value);
}
