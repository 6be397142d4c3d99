import { sign } from 'node:crypto';

import { parseRetryAfterMs } from '../../retry/retry-delay.ts';
import { type ErrorResponse, headerOf, StoreClient } from '../objects/store-client.ts';
import { StoreError } from '../objects/store-error.ts';
import type { AuthorizedUser, GcsCredentials, MetadataServer, ServiceAccount } from './credentials.ts';

const SCOPE = 'https://www.googleapis.com/auth/devstorage.read_write';
const ASSERTION_SECONDS = 3_600;
/** Tokens are replaced this long before their end; the metadata server has a new one by then. Milliseconds. */
const REFRESH_BEFORE_MS = 225_000;

interface Token {
  readonly value: string;
  /** Milliseconds since the epoch. */
  readonly refreshAt: number;
}

/** Obtains access tokens, and keeps each until shortly before its end. */
export class AccessTokens {
  readonly #credentials: GcsCredentials;
  readonly #client: StoreClient;
  #token: Token | undefined;
  #fetching: Promise<Token> | undefined;

  constructor(credentials: GcsCredentials) {
    this.#credentials = credentials;
    this.#client = new StoreClient({ parseError: toTokenError });
  }

  /** @param fresh the last token was rejected */
  async headers({ fresh = false } = {}): Promise<Record<string, string>> {
    if (this.#credentials.kind === 'anonymous') return {};
    if (fresh || !this.#token || this.#token.refreshAt <= Date.now()) {
      this.#fetching ??= this.#fetch().finally(() => (this.#fetching = undefined));
      this.#token = await this.#fetching;
    }
    return { authorization: `Bearer ${this.#token.value}` };
  }

  /** E-mail address of the service account of a metadata server. */
  async email(): Promise<string> {
    const { host } = this.#credentials as MetadataServer;
    return (await this.#client.text(metadataRequest(host, 'email'))).trim();
  }

  async close(): Promise<void> {
    await this.#client.close();
  }

  async #fetch(): Promise<Token> {
    // The request that needs the token is repeated, and with it this one.
    const text = await this.#client.text({ ...this.#tokenRequest(), once: true });
    const { access_token: value, expires_in: seconds } = JSON.parse(text) as Record<string, unknown>;
    if (typeof value !== 'string') throw tokenError('the token server returned no access_token', 'NoToken');
    const lifetimeMs = (typeof seconds === 'number' ? seconds : 0) * 1_000;
    return { value, refreshAt: Date.now() + Math.max(lifetimeMs - REFRESH_BEFORE_MS, lifetimeMs / 2) };
  }

  #tokenRequest() {
    switch (this.#credentials.kind) {
      case 'service_account':
        return exchange(this.#credentials, {
          grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
          assertion: createAssertion(this.#credentials),
        });
      case 'authorized_user':
        return exchange(this.#credentials, {
          grant_type: 'refresh_token',
          client_id: this.#credentials.clientId,
          client_secret: this.#credentials.clientSecret,
          refresh_token: this.#credentials.refreshToken,
        });
      case 'metadata':
        return metadataRequest(this.#credentials.host, 'token');
      case 'anonymous':
        throw new Error('gcs: anonymous requests have no token');
    }
  }
}

function exchange({ tokenUri }: ServiceAccount | AuthorizedUser, parameters: Readonly<Record<string, string>>) {
  return {
    method: 'POST' as const,
    url: new URL(tokenUri),
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams(parameters).toString(),
    promptly: true,
  };
}

function metadataRequest(host: string, name: 'token' | 'email') {
  return {
    method: 'GET' as const,
    url: new URL(`http://${host}/computeMetadata/v1/instance/service-accounts/default/${name}`),
    headers: { 'metadata-flavor': 'Google' },
    promptly: true,
  };
}

/** @see https://developers.google.com/identity/protocols/oauth2/service-account#authorizingrequests */
function createAssertion({ email, privateKey, keyId, tokenUri }: ServiceAccount): string {
  const now = Math.floor(Date.now() / 1_000);
  const header = { alg: 'RS256', typ: 'JWT', ...(keyId !== undefined && { kid: keyId }) };
  const claims = { iss: email, scope: SCOPE, aud: tokenUri, iat: now, exp: now + ASSERTION_SECONDS };
  const text = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  return `${text}.${sign('RSA-SHA256', Buffer.from(text), privateKey).toString('base64url')}`;
}

function toTokenError(response: ErrorResponse): StoreError {
  const { status, text } = response;
  const [, code = `HTTP ${status}`] = /"error"\s*:\s*"([\w.-]{1,64})"/.exec(text) ?? [];
  const retryAfterMs = parseRetryAfterMs(headerOf(response, 'retry-after'));
  const isOfCredentials = status >= 400 && status < 500 && status !== 429;
  return new StoreError('the token server refused the credentials', { status, code, isOfCredentials, retryAfterMs });
}

function tokenError(message: string, code: string): StoreError {
  return new StoreError(message, { status: undefined, code, isOfCredentials: true });
}
