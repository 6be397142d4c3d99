import { parseRetryAfterMs } from '../../retry/retry-delay.ts';
import { type ErrorResponse, headerOf, StoreClient, type StoreRequest } from './store-client.ts';
import { StoreError } from './store-error.ts';

export interface AccessTokenOptions {
  /** For each new token. */
  readonly request: () => StoreRequest | Promise<StoreRequest>;
  /** A token is replaced this long before its end, or after half of its life. Milliseconds. */
  readonly refreshBeforeMs: number;
}

/** An access token from a token server (RFC 6749), kept until shortly before its end. */
export class AccessToken {
  readonly #options: AccessTokenOptions;
  readonly #client = new StoreClient({ parseError: toTokenError });
  #token: { readonly value: string; readonly refreshAt: number } | undefined;
  #fetching: Promise<string> | undefined;

  constructor(options: AccessTokenOptions) {
    this.#options = options;
  }

  /** @param fresh the last token was rejected @throws {StoreError} */
  async get({ fresh = false } = {}): Promise<string> {
    if (!fresh && this.#token && this.#token.refreshAt > Date.now()) return this.#token.value;
    this.#fetching ??= this.#fetch().finally(() => (this.#fetching = undefined));
    return await this.#fetching;
  }

  /** The response of the token server to another request, as text. */
  text(request: StoreRequest): Promise<string> {
    return this.#client.text(request);
  }

  async close(): Promise<void> {
    await this.#client.close();
  }

  async #fetch(): Promise<string> {
    const { request, refreshBeforeMs } = this.#options;
    // The request that needs the token is repeated, and with it this one.
    const text = await this.#client.text({ ...(await request()), once: true, promptly: true });
    const { access_token: value, expires_in: seconds } = JSON.parse(text) as Record<string, unknown>;
    if (typeof value !== 'string') {
      const fields = { status: undefined, code: 'NoToken', isOfCredentials: true };
      throw new StoreError('the token server returned no access_token', fields);
    }
    const lifetimeMs = Number(seconds ?? 0) * 1_000;
    this.#token = { value, refreshAt: Date.now() + Math.max(lifetimeMs - refreshBeforeMs, lifetimeMs / 2) };
    return value;
  }
}

function toTokenError(response: ErrorResponse): StoreError {
  const { status, text } = response;
  const [, code = `HTTP ${status}`] = /"error"\s*:\s*"([\w.-]{1,64})"/.exec(text) ?? [];
  const retryAfterMs = parseRetryAfterMs(headerOf(response, 'retry-after'));
  const isOfCredentials = status >= 400 && status < 500 && status !== 429;
  return new StoreError('the token server refused the credentials', { status, code, isOfCredentials, retryAfterMs });
}
