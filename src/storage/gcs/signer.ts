import { createHash, sign } from 'node:crypto';

import type { StoreClient } from '../objects/store-client.ts';
import { statusOf } from '../objects/store-error.ts';
import type { AccessTokens } from './access-tokens.ts';
import type { GcsCredentials } from './credentials.ts';

const ALGORITHM = 'GOOG4-RSA-SHA256';

/** The request that the URL is for, and its signer. */
interface SignedUrlOptions {
  readonly method: 'GET' | 'HEAD';
  /** Address of the object. */
  readonly url: URL;
  readonly email: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly seconds: number;
}

/** The parts of a signed URL: its query without the signature, and the text to sign. Version 4, path style. */
function prepareSignedUrl({ method, url, email, now, seconds }: SignedUrlOptions) {
  const time = new Date(now).toISOString().replaceAll(/[-:]|\.\d+/g, '');
  const scope = `${time.slice(0, 8)}/auto/storage/goog4_request`;
  const query = [
    ['X-Goog-Algorithm', ALGORITHM],
    ['X-Goog-Credential', `${email}/${scope}`],
    ['X-Goog-Date', time],
    ['X-Goog-Expires', String(seconds)],
    ['X-Goog-SignedHeaders', 'host'],
  ]
    .map(([key = '', value = '']) => `${key}=${encodeStrictly(value)}`)
    .join('&');
  const request = [method, url.pathname, query, `host:${url.host}`, '', 'host', 'UNSIGNED-PAYLOAD'].join('\n');
  const hash = createHash('sha256').update(request).digest('hex');
  return { query, text: [ALGORITHM, time, scope, hash].join('\n') };
}

/** As RFC 3986 has it. */
export function encodeStrictly(text: string): string {
  return encodeURIComponent(text).replaceAll(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

export interface UrlSignerParts {
  readonly credentials: GcsCredentials;
  readonly tokens: AccessTokens;
  readonly client: StoreClient;
  readonly iamEndpoint: string;
  /** Called once, when URLs cannot be signed with the credentials. */
  readonly onUnsigned: (reason: string) => void;
}

/** Signs by the key of a service account, or else by Google's IAM in its name. */
export class UrlSigner {
  readonly #parts: UrlSignerParts;
  #email: Promise<string> | undefined;
  #isPossible: boolean;

  constructor(parts: UrlSignerParts) {
    this.#parts = parts;
    this.#isPossible = ['service_account', 'metadata'].includes(parts.credentials.kind);
  }

  /** @returns undefined when URLs cannot be signed with these credentials */
  async sign({ method, url, seconds }: Pick<SignedUrlOptions, 'method' | 'url' | 'seconds'>): Promise<URL | undefined> {
    const { credentials } = this.#parts;
    if (!this.#isPossible) return undefined;
    const email = credentials.kind === 'service_account' ? credentials.email : await this.#ownEmail();
    const { query, text } = prepareSignedUrl({ method, url, email, now: Date.now(), seconds });
    const signature =
      credentials.kind === 'service_account'
        ? sign('RSA-SHA256', Buffer.from(text), credentials.privateKey)
        : await this.#signRemotely(email, text);
    if (!signature) return undefined;
    return new URL(`${url.href}?${query}&X-Goog-Signature=${signature.toString('hex')}`);
  }

  async #ownEmail(): Promise<string> {
    this.#email ??= this.#parts.tokens.email();
    try {
      return await this.#email;
    } catch (err) {
      this.#email = undefined;
      throw err;
    }
  }

  /** @see https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/signBlob */
  async #signRemotely(email: string, text: string): Promise<Buffer | undefined> {
    const { client, iamEndpoint, onUnsigned } = this.#parts;
    try {
      const response = await client.text({
        method: 'POST',
        url: new URL(`/v1/projects/-/serviceAccounts/${email}:signBlob`, iamEndpoint),
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ payload: Buffer.from(text).toString('base64') }),
        promptly: true,
      });
      return Buffer.from((JSON.parse(response) as { signedBlob: string }).signedBlob, 'base64');
    } catch (err) {
      if (statusOf(err) !== 403) throw err;
      this.#isPossible = false;
      onUnsigned(`${email} lacks iam.serviceAccounts.signBlob: blobs are served instead of redirecting to them`);
      return undefined;
    }
  }
}
