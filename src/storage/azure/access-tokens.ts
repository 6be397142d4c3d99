import { readFile } from 'node:fs/promises';

import { parseRetryAfterMs } from '../../retry/retry-delay.ts';
import { type ErrorResponse, headerOf, StoreClient, type StoreRequest } from '../objects/store-client.ts';
import { StoreError } from '../objects/store-error.ts';
import type { AzureCredentials } from './options.ts';

const AUTHORITY = 'https://login.microsoftonline.com';
const RESOURCE = 'https://storage.azure.com/';
const METADATA = 'http://169.254.169.254';
/** Tokens are replaced this long before their end. Milliseconds. */
const REFRESH_BEFORE_MS = 300_000;

type TokenCredentials = Exclude<AzureCredentials, { readonly kind: 'shared_key' }>;

/** Obtains access tokens, and keeps each until shortly before its end. */
export class AzureTokens {
  readonly #credentials: TokenCredentials;
  readonly #client = new StoreClient({ parseError: toTokenError });
  #token: { readonly value: string; readonly refreshAt: number } | undefined;
  #fetching: Promise<void> | undefined;

  constructor(credentials: TokenCredentials) {
    this.#credentials = credentials;
  }

  /** @param fresh the last token was rejected */
  async get({ fresh = false } = {}): Promise<string> {
    if (fresh || !this.#token || this.#token.refreshAt <= Date.now()) {
      this.#fetching ??= this.#fetch().finally(() => (this.#fetching = undefined));
      await this.#fetching;
    }
    return this.#token?.value ?? '';
  }

  async close(): Promise<void> {
    await this.#client.close();
  }

  async #fetch(): Promise<void> {
    // The request that needs the token is repeated, and with it this one.
    const text = await this.#client.text({ ...(await tokenRequest(this.#credentials)), once: true, promptly: true });
    const { access_token: value, expires_in: seconds } = JSON.parse(text) as Record<string, unknown>;
    if (typeof value !== 'string') {
      const fields = { status: undefined, code: 'NoToken', isOfCredentials: true };
      throw new StoreError('the token server returned no access_token', fields);
    }
    const lifetimeMs = Number(seconds ?? 0) * 1_000;
    this.#token = { value, refreshAt: Date.now() + Math.max(lifetimeMs - REFRESH_BEFORE_MS, lifetimeMs / 2) };
  }
}

async function tokenRequest(credentials: TokenCredentials): Promise<StoreRequest> {
  switch (credentials.kind) {
    case 'client_secret':
      return exchange(credentials, { client_secret: credentials.secret });
    case 'workload_identity':
      return exchange(credentials, {
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: (await readFile(credentials.tokenFile, 'utf8')).trim(),
      });
    case 'managed_identity': {
      const url = new URL('/metadata/identity/oauth2/token', credentials.endpoint ?? METADATA);
      url.searchParams.set('api-version', '2018-02-01');
      url.searchParams.set('resource', RESOURCE);
      if (credentials.clientId !== undefined) url.searchParams.set('client_id', credentials.clientId);
      return { method: 'GET', url, headers: { metadata: 'true' } };
    }
  }
}

function exchange(
  { authority = AUTHORITY, tenantId, clientId }: { authority?: string | undefined; tenantId: string; clientId: string },
  secrets: Readonly<Record<string, string>>,
): StoreRequest {
  const parameters = {
    grant_type: 'client_credentials',
    client_id: clientId,
    scope: `${RESOURCE}.default`,
    ...secrets,
  };
  return {
    method: 'POST',
    url: new URL(`/${encodeURIComponent(tenantId)}/oauth2/v2.0/token`, authority),
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams(parameters).toString(),
  };
}

function toTokenError(response: ErrorResponse): StoreError {
  const { status, text } = response;
  const [, code = `HTTP ${status}`] = /"error"\s*:\s*"([\w.-]{1,64})"/.exec(text) ?? [];
  const retryAfterMs = parseRetryAfterMs(headerOf(response, 'retry-after'));
  const isOfCredentials = status >= 400 && status < 500 && status !== 429;
  return new StoreError('the token server refused the credentials', { status, code, isOfCredentials, retryAfterMs });
}
