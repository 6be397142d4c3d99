import { isRecord, readBody } from './response-body.ts';
import type { CallScope } from './call-scope.ts';
import { parseRetryAfterMs } from '../retry/retry-delay.ts';
import { isThrottlingMessage, retryAfterInMessageMs } from './throttling-message.ts';
import { type ExchangeResponse, headerText } from './transport.ts';
import { UpstreamError, type UpstreamErrorKind } from './upstream.ts';

export interface ResponseErrorOptions {
  readonly upstream: string;
  readonly scope: CallScope;
  /** Unix milliseconds. */
  readonly now: number;
  readonly from: 'registry' | 'token server' | 'redirect target';
}

/** Bytes. */
const MAX_ERROR_BODY = 64 * 1024;
/** Characters. */
const MAX_QUOTE = 300;

const KIND_BY_STATUS: Readonly<Record<number, UpstreamErrorKind>> = {
  401: 'unauthorized',
  403: 'denied',
  404: 'not-found',
  429: 'throttled',
};

/** The error for a response that is not a success, with the upstream's own message if there is one. Consumes the body. */
export async function responseError(response: ExchangeResponse, options: ResponseErrorOptions): Promise<UpstreamError> {
  const { status, headers, url } = response;
  const { upstream, from, now } = options;
  // The message of a redirect target may quote the signed request.
  const sent = from === 'redirect target' ? dropped(response) : await readErrorBody(response, options);
  const retryAfter = headerText(headers, 'retry-after');
  const isThrottling = retryAfter !== undefined || isThrottlingMessage(sent.message ?? '');
  const isRefused = status === 401 || status === 403;
  const kind = isRefused && isThrottling ? 'throttled' : kindOf(status, from);
  const retryAfterMs =
    parseRetryAfterMs(retryAfter, now) ??
    (kind === 'throttled' ? retryAfterInMessageMs(sent.message ?? '') : undefined);
  const host = from === 'registry' ? '' : ` from ${url.host}`;
  const message = sent.message === undefined ? '' : `: ${sent.message}`;
  const code = sent.code === undefined ? '' : ` ${sent.code}`;
  const isPlainNotFound = kind === 'not-found' && sent.code === undefined && !isOfRegistry(response);
  return new UpstreamError(kind, `${upstream}: ${status}${host}${code}${message}`, {
    upstream,
    status,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    ...(sent.code !== undefined && { code: sent.code }),
    ...(isPlainNotFound && { isPlainNotFound }),
  });
}

/** Whether the headers are those of a registry: web servers and other services send pages. */
export function isOfRegistry({ headers }: Pick<ExchangeResponse, 'headers'>): boolean {
  if (headers['docker-distribution-api-version'] !== undefined) return true;
  return (headerText(headers, 'content-type') ?? '').includes('json');
}

function kindOf(status: number, from: ResponseErrorOptions['from']): UpstreamErrorKind {
  if (status >= 500) return 'server';
  // The 404 of a token server does not mean that content is missing.
  if (status === 404 && from === 'token server') return 'protocol';
  return KIND_BY_STATUS[status] ?? 'protocol';
}

interface ErrorBody {
  readonly code?: string;
  readonly message?: string;
}

async function readErrorBody(
  response: ExchangeResponse,
  { upstream, scope }: ResponseErrorOptions,
): Promise<ErrorBody> {
  try {
    const text = (await readBody(response, { upstream, limit: MAX_ERROR_BODY, scope })).toString('utf8');
    const type = headerText(response.headers, 'content-type') ?? '';
    if (type.includes('json') || text.startsWith('{')) return parseErrorBody(JSON.parse(text));
    // Docker Hub's abuse limit and many proxies send plain text; a page of HTML is of no use.
    return text.trim() === '' || text.trimStart().startsWith('<') ? {} : { message: tidy(text) };
  } catch {
    // Without a message, the status is reported alone.
    return {};
  }
}

/** @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#error-codes */
function parseErrorBody(body: unknown): ErrorBody {
  if (!isRecord(body)) return {};
  const first: unknown = Array.isArray(body.errors) ? body.errors[0] : undefined;
  // Token servers of Docker's kind send `{"details": "…"}`, OAuth2 ones `{"error": …, "error_description": …}`.
  const { code, message } = isRecord(first)
    ? first
    : { code: body.error, message: body.error_description ?? body.details ?? body.message };
  return {
    ...(typeof code === 'string' && /^[\w.-]{1,64}$/.test(code) && { code }),
    ...(typeof message === 'string' && message !== '' && { message: tidy(message) }),
  };
}

/** One line, of bounded length, and URLs without their query, which may have a signature. */
function tidy(text: string): string {
  const line = text.replace(/[\p{Cc}\s]+/gu, ' ').trim();
  return line.replace(/[^\s"']+/g, withoutQuery).slice(0, MAX_QUOTE);
}

function withoutQuery(word: string): string {
  const url = word.search(/https?:\/\/[^?]/i);
  const mark = url === -1 ? -1 : word.indexOf('?', url);
  return mark === -1 ? word : word.slice(0, mark);
}

function dropped({ body }: ExchangeResponse): ErrorBody {
  body.drain();
  return {};
}
