import { readFile } from 'node:fs/promises';

import { AccessToken } from '../objects/access-token.ts';
import type { StoreRequest } from '../objects/store-client.ts';
import type { AzureCredentials } from './options.ts';

const AUTHORITY = 'https://login.microsoftonline.com';
const RESOURCE = 'https://storage.azure.com/';
const METADATA = 'http://169.254.169.254';
/** Milliseconds. */
const REFRESH_BEFORE_MS = 300_000;

type TokenCredentials = Exclude<AzureCredentials, { readonly kind: 'shared_key' }>;

/** @returns the token of an identity for the store */
export function createAzureToken(credentials: TokenCredentials): AccessToken {
  return new AccessToken({ request: () => tokenRequest(credentials), refreshBeforeMs: REFRESH_BEFORE_MS });
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
