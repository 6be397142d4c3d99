import { type ExchangeResponse, headerText } from './transport.ts';
import type { PullResponse } from '../budget/governor.ts';
import { parseRetryAfterMs } from '../retry/retry-delay.ts';
import type { RateLimit } from './upstream.ts';

/**
 * Docker Hub's rate limit headers: `ratelimit-limit: 100;w=21600` and `ratelimit-remaining: 76;w=21600`.
 * Other registries also send `ratelimit-reset`, in seconds. Paid accounts and exempt images get neither; the limit is then unknown.
 *
 * @see https://docs.docker.com/docker-hub/usage/pulls/
 */
export function parseRateLimit({ headers }: Pick<ExchangeResponse, 'headers'>): RateLimit | undefined {
  const limit = parse(headerText(headers, 'ratelimit-limit'));
  const remaining = parse(headerText(headers, 'ratelimit-remaining'));
  if (!limit && !remaining) return undefined;
  const reset = parse(headerText(headers, 'ratelimit-reset'));
  const windowSeconds = limit?.windowSeconds ?? remaining?.windowSeconds;
  return {
    ...(limit && { limit: limit.count }),
    ...(remaining && { remaining: remaining.count }),
    ...(windowSeconds !== undefined && { windowSeconds }),
    ...(reset && { resetSeconds: reset.count }),
  };
}

/** What a response means for the budget. `isAbuse`: too many requests of any kind, which Docker Hub refuses in plain text. */
export function pullResponseOf(
  response: Pick<ExchangeResponse, 'headers' | 'status'>,
  now: number,
): PullResponse & { readonly isAbuse: boolean } {
  const { headers, status } = response;
  const limit = parseRateLimit(response);
  const { windowSeconds } = limit ?? {};
  const type = headerText(headers, 'content-type') ?? '';
  return {
    status,
    stated: limit && { ...limit, windowMs: windowSeconds && windowSeconds * 1_000 },
    source: headerText(headers, 'docker-ratelimit-source')?.trim(),
    retryAfterMs: parseRetryAfterMs(headerText(headers, 'retry-after'), now),
    isAbuse: status === 429 && !limit && type.startsWith('text/plain'),
  };
}

/** The most recent rate limit of an upstream. */
export class RateLimitGauge {
  readonly #onLimit: (limit: RateLimit, account: string) => void;
  #current: RateLimit | undefined;

  constructor(onLimit: (limit: RateLimit, account: string) => void) {
    this.#onLimit = onLimit;
  }

  get current(): RateLimit | undefined {
    return this.#current;
  }

  /** A success without the headers makes the limit unknown; a failure without them changes nothing. @param account that the limit is of */
  note(response: Pick<ExchangeResponse, 'headers' | 'status'>, account: string): void {
    const limit = parseRateLimit(response);
    if (limit) this.#onLimit(limit, account);
    if (limit || response.status === 200) this.#current = limit;
  }
}

function parse(header: string | undefined): { count: number; windowSeconds: number | undefined } | undefined {
  const match = /^\s*(\d{1,15})\s*(?:;\s*w\s*=\s*(\d{1,15}))?/.exec(header ?? '');
  if (!match) return undefined;
  return { count: Number(match[1]), windowSeconds: match[2] === undefined ? undefined : Number(match[2]) };
}
