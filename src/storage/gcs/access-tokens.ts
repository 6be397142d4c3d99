import { sign } from 'node:crypto';

import { AccessToken } from '../objects/access-token.ts';
import type { AuthorizedUser, GcsCredentials, MetadataServer, ServiceAccount } from './credentials.ts';

const SCOPE = 'https://www.googleapis.com/auth/devstorage.read_write';
const ASSERTION_SECONDS = 3_600;
/** Tokens are replaced this long before their end; the metadata server has a new one by then. Milliseconds. */
const REFRESH_BEFORE_MS = 225_000;

/** Access tokens for the credentials. */
export class AccessTokens {
  readonly #credentials: GcsCredentials;
  readonly #token = new AccessToken({ request: () => this.#tokenRequest(), refreshBeforeMs: REFRESH_BEFORE_MS });

  constructor(credentials: GcsCredentials) {
    this.#credentials = credentials;
  }

  /** @param options.fresh the last token was rejected */
  async headers(options?: { readonly fresh: boolean }): Promise<Record<string, string>> {
    if (this.#credentials.kind === 'anonymous') return {};
    return { authorization: `Bearer ${await this.#token.get(options)}` };
  }

  /** E-mail address of the service account of a metadata server. */
  async email(): Promise<string> {
    const { host } = this.#credentials as MetadataServer;
    return (await this.#token.text(metadataRequest(host, 'email'))).trim();
  }

  async close(): Promise<void> {
    await this.#token.close();
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
