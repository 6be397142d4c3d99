import { Agent, type Dispatcher, request } from 'undici';

import { retryDelayMs, type RetryPolicy } from '../../retry/retry-delay.ts';
import { retrying } from '../../retry/retry-loop.ts';
import { isTransient, StoreError } from './store-error.ts';

/** Milliseconds. */
const CONNECT_TIMEOUT_MS = 3_000;
/** Without a byte in either direction. Milliseconds. */
const IDLE_TIMEOUT_MS = 10_000;
/** For requests to which a store responds only when it has assembled a large object. Milliseconds. */
const SLOW_IDLE_TIMEOUT_MS = 600_000;
/** Below the 30 s for which containerd waits for headers. Milliseconds. */
const PROMPT_DEADLINE_MS = 20_000;
const MAX_ERROR_BYTES = 64 * 1024;
/** Waits grow beyond a second, as some stores accept one write of an object in a second. */
const RETRIES: RetryPolicy = { maxRetries: 5, baseDelayMs: 400, maxDelayMs: 16_000 };

type Headers = Readonly<Record<string, string>>;

export interface StoreRequest {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE';
  readonly url: URL;
  readonly headers?: Headers;
  readonly body?: Uint8Array | string;
  readonly signal?: AbortSignal | undefined;
  /** The store may need minutes for the response. */
  readonly patient?: boolean;
  /** A client of the registry waits for the response: fail before its timeout, including retries. */
  readonly promptly?: boolean;
  /** Sent once: the caller decides about a retry. */
  readonly once?: boolean;
}

export type StoreResponse = Pick<Dispatcher.ResponseData, 'headers' | 'body'> & { readonly status: number };

/** A response that is an error. */
export interface ErrorResponse extends Pick<Dispatcher.ResponseData, 'headers'> {
  readonly status: number;
  /** The start of the body. */
  readonly text: string;
}

export interface StoreClientOptions {
  readonly userAgent?: string | undefined;
  /** Headers that authorize a request. Absent for anonymous ones. @param fresh the store rejected the credentials of the attempt before */
  readonly authorize?: (request: StoreRequest, options: { readonly fresh: boolean }) => Promise<Headers> | Headers;
  readonly parseError: (response: ErrorResponse) => StoreError;
}

/** Sends requests to an object store, and repeats those that fail for now. */
export class StoreClient {
  readonly #options: StoreClientOptions;
  readonly #agent = new Agent({ connect: { timeout: CONNECT_TIMEOUT_MS } });

  constructor(options: StoreClientOptions) {
    this.#options = options;
  }

  /**
   * The caller reads the body to its end, or destroys it.
   *
   * @throws {StoreError} for a status from 300
   */
  async send(storeRequest: StoreRequest): Promise<StoreResponse> {
    const deadline = startDeadline(storeRequest);
    let fresh = false;
    const delayMs = (err: unknown, retry: number): number | undefined => {
      if (deadline.signal?.aborted) return undefined;
      if (err instanceof StoreError && err.isOfCredentials && !fresh && this.#options.authorize) {
        fresh = true;
        return 0;
      }
      if (storeRequest.once || !isTransient(err)) return undefined;
      return retryDelayMs(retry, err instanceof StoreError ? err.retryAfterMs : undefined, RETRIES);
    };
    try {
      return await retrying({ delayMs, signal: deadline.signal }, () =>
        this.#sendOnce(storeRequest, { fresh, signal: deadline.signal }),
      );
    } catch (err) {
      storeRequest.signal?.throwIfAborted();
      throw deadline.expired ?? err;
    } finally {
      deadline.end();
    }
  }

  /** Like {@link send}; the body is read as text. */
  async text(storeRequest: StoreRequest): Promise<string> {
    return await (await this.send(storeRequest)).body.text();
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  async #sendOnce(
    storeRequest: StoreRequest,
    { fresh, signal }: { readonly fresh: boolean; readonly signal: AbortSignal | undefined },
  ): Promise<StoreResponse> {
    const { authorize, parseError, userAgent } = this.#options;
    const { method, url, headers, body, patient } = storeRequest;
    const authorization = await authorize?.(storeRequest, { fresh });
    const timeoutMs = patient ? SLOW_IDLE_TIMEOUT_MS : IDLE_TIMEOUT_MS;
    const response = await request(url, {
      method,
      headers: { ...(userAgent !== undefined && { 'user-agent': userAgent }), ...headers, ...authorization },
      ...(body !== undefined && { body }),
      ...(signal && { signal }),
      dispatcher: this.#agent,
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
    });
    // The body may fail before it is read; a later read then fails.
    response.body.on('error', () => {});
    const { statusCode: status } = response;
    // Stores do not redirect; 308 is the state of an upload. A proxy's redirect is not content.
    if (status < 300 || (status === 308 && method === 'PUT'))
      return { status, headers: response.headers, body: response.body };
    throw parseError({ status, headers: response.headers, text: await readStart(response.body) });
  }
}

async function readStart(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of body) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > MAX_ERROR_BYTES) break;
    }
  } catch {
    // The status is known, and explains more.
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Aborts with the caller's signal, and after the deadline. The deadline does not apply to the body of a response. */
function startDeadline({ signal, promptly }: StoreRequest) {
  if (!promptly) return { signal, expired: undefined, end() {} };
  const controller = new AbortController();
  const deadline = {
    signal: signal ? AbortSignal.any([signal, controller.signal]) : controller.signal,
    expired: undefined as Error | undefined,
    end: () => clearTimeout(timer),
  };
  const timer = setTimeout(() => {
    deadline.expired = new Error(`no successful response within ${PROMPT_DEADLINE_MS / 1000} s`);
    deadline.expired.name = 'TimeoutError';
    controller.abort();
  }, PROMPT_DEADLINE_MS);
  return deadline;
}

/** The value of a header that a response has once. */
export function headerOf({ headers }: Pick<StoreResponse, 'headers'>, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
}
