import { parseRetryAfterMs } from '../../retry/retry-delay.ts';
import { type ErrorResponse, headerOf } from '../objects/store-client.ts';
import { statusOf, storageErrors, StoreError } from '../objects/store-error.ts';

const THROTTLED: ReadonlySet<string> = new Set(['rateLimitExceeded', 'userRateLimitExceeded', 'backendError']);
const MAX_MESSAGE = 300;

interface ErrorBody {
  readonly error?: { readonly message?: string; readonly errors?: readonly { readonly reason?: string }[] };
}

export const toStorageError = storageErrors('gcs');

/** The error of a response. Downloads and uploads have it as text, other requests as JSON. */
export function parseGcsError(response: ErrorResponse): StoreError {
  const { status, text } = response;
  const { error } = parseBody(text);
  const code = error?.errors?.[0]?.reason ?? `HTTP ${status}`;
  const message = (error?.message ?? text).slice(0, MAX_MESSAGE).replaceAll(/\s+/g, ' ').trim();
  return new StoreError(message || 'the response has no reason', {
    status,
    code: isMissingBucket(message) ? 'NoSuchBucket' : code,
    isThrottled: THROTTLED.has(code),
    isOfCredentials: status === 401,
    retryAfterMs: parseRetryAfterMs(headerOf(response, 'retry-after')),
  });
}

/** Whether the object does not exist; a missing bucket is an error of another kind. */
export function isNotFound(err: unknown): boolean {
  return statusOf(err) === 404 && (err as StoreError).code !== 'NoSuchBucket';
}

/** Whether the object no longer has the generation of the request. */
export function isChanged(err: unknown): boolean {
  return statusOf(err) === 412;
}

function parseBody(text: string): ErrorBody {
  try {
    const parsed = JSON.parse(text) as ErrorBody | null;
    return typeof parsed === 'object' && parsed !== null ? parsed : {};
  } catch {
    return {};
  }
}

function isMissingBucket(message: string): boolean {
  return /bucket does not exist/i.test(message);
}
