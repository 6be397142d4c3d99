export interface RetryPolicy {
  /** Attempts after the first one. */
  readonly maxRetries: number;
  /** Upper bound of the first wait, in milliseconds; doubles with every retry. */
  readonly baseDelayMs: number;
  /** The longest wait before one retry, in milliseconds. */
  readonly maxDelayMs: number;
}

/** A header with 400 digits is still a number. Milliseconds. */
const MAX_RETRY_AFTER_MS = 365 * 24 * 3_600_000;

/**
 * How long to wait before a request is sent again.
 *
 * A `Retry-After` is honoured as it is: a registry that sends "60" refuses a retry after 3 s, and some count it against us.
 * Without one the wait is random between 0 and `baseDelayMs * 2 ** retry`, so that a hundred pulls that fail together do not retry together.
 *
 * @param retry 0 before the first retry
 * @param retryAfterMs from the response, if it had one; see {@link parseRetryAfterMs}
 * @returns milliseconds; `undefined` when it is time to give up, also when the server wants a wait longer than `policy.maxDelayMs`
 */
export function retryDelayMs(
  retry: number,
  retryAfterMs: number | undefined,
  policy: RetryPolicy,
  { random = Math.random() } = {},
): number | undefined {
  if (retry >= policy.maxRetries) return undefined;
  if (retryAfterMs === undefined) return Math.min(random * policy.baseDelayMs * 2 ** retry, policy.maxDelayMs);
  return retryAfterMs <= policy.maxDelayMs ? retryAfterMs : undefined;
}

/**
 * @returns milliseconds from `now`, from seconds or a date; `undefined` for anything else
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3
 */
export function parseRetryAfterMs(header: string | undefined, now = Date.now()): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d+$/.test(header)) return Math.min(Number(header) * 1_000, MAX_RETRY_AFTER_MS);
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.min(Math.max(0, date - now), MAX_RETRY_AFTER_MS);
}
