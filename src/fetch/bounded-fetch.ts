import type { IncomingHttpHeaders, IncomingMessage, RequestOptions } from 'node:http';
import { request as secureRequest } from 'node:https';

import { http } from '../builtin/http.ts';
import { readBounded } from '../stream/bounded-body.ts';

export interface BoundedFetchOptions {
  /** @default GET */
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  /** A Unix socket to connect to; of the URL, only the path counts then. */
  readonly socketPath?: string | undefined;
  /** For the whole exchange, redirects and body included. Milliseconds. */
  readonly timeoutMs: number;
  /** Maximum size of the response body. */
  readonly maxBytes: number;
  /** @default 0 */
  readonly maxRedirects?: number;
  /** Certificates to trust instead of those of Node, in PEM. */
  readonly ca?: readonly string[] | undefined;
  /** False accepts any certificate. @default true */
  readonly rejectUnauthorized?: boolean;
}

export interface FetchedResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** There was no complete response in time. */
export class FetchTimeoutError extends Error {
  override readonly name = 'FetchTimeoutError';
}

/**
 * One request on its own connection, within a time and a size. It loads no package, so that short commands start fast.
 *
 * @throws {FetchTimeoutError} · {BodyTooLargeError} · the network's error, which has a `code`
 */
export async function boundedFetch(url: string | URL, options: BoundedFetchOptions): Promise<FetchedResponse> {
  const signal = AbortSignal.timeout(options.timeoutMs);
  try {
    return await exchange(new URL(url), options, signal);
  } catch (err) {
    throw signal.aborted ? new FetchTimeoutError(`no response within ${options.timeoutMs} ms`) : firstOf(err);
  }
}

/** A host with several addresses, such as `localhost`, fails with one error for each, in one that has no message. */
function firstOf(err: unknown): unknown {
  return err instanceof AggregateError && err.message === '' ? (err.errors[0] ?? err) : err;
}

async function exchange(url: URL, options: BoundedFetchOptions, signal: AbortSignal): Promise<FetchedResponse> {
  const { maxRedirects = 0, maxBytes } = options;
  const response = await send(url, options, signal);
  const { statusCode: status = 0, headers } = response;
  if (status >= 300 && status < 400 && headers.location !== undefined && maxRedirects > 0) {
    response.destroy();
    return exchange(new URL(headers.location, url), { ...options, maxRedirects: maxRedirects - 1 }, signal);
  }
  return { status, headers, body: await readBounded(response, maxBytes) };
}

function send(url: URL, options: BoundedFetchOptions, signal: AbortSignal): Promise<IncomingMessage> {
  const { method, headers, body, socketPath, ca, rejectUnauthorized } = options;
  const requestOptions: RequestOptions & { rejectUnauthorized?: boolean; ca?: string[] } = {
    agent: false,
    signal,
    ...(method !== undefined && { method }),
    ...(headers && { headers: { ...headers } }),
    ...(socketPath !== undefined && { socketPath }),
    ...(ca !== undefined && { ca: [...ca] }),
    ...(rejectUnauthorized !== undefined && { rejectUnauthorized }),
  };
  const open = url.protocol === 'https:' ? secureRequest : http.request;
  return new Promise((resolve, reject) => {
    open(url, requestOptions).once('error', reject).once('response', resolve).end(body);
  });
}
