import type { Clock } from '../clock/clock.ts';
import { type RetryPolicy, retryDelayMs } from '../retry/retry-delay.ts';
import { retrying } from '../retry/retry-loop.ts';
import type { CallScope } from './call-scope.ts';
import { isTransient } from './network-failure.ts';
import { UpstreamError } from './upstream.ts';

/** For pulls that a client waits for. */
export const INTERACTIVE_RETRIES: RetryPolicy = { maxRetries: 2, baseDelayMs: 100, maxDelayMs: 2_000 };

export interface RetryRequestOptions {
  readonly policy: RetryPolicy;
  readonly scope: CallScope;
  readonly clock: Pick<Clock, 'sleep'>;
  /** Between 0 and 1. */
  readonly random: () => number;
  readonly onRetry: (reason: string, delayMs: number) => void;
}

/** Repeats an idempotent `attempt` while its failure is temporary, and while the waits fit into the policy and the deadline. */
export function retryRequest<T>(options: RetryRequestOptions, attempt: (retry: number) => Promise<T>): Promise<T> {
  const { policy, scope, clock, random, onRetry } = options;
  let remainingMs = policy.maxDelayMs;
  let failure: UpstreamError | undefined;
  const delayMs = (err: unknown, retry: number): number | undefined => {
    if (!(err instanceof UpstreamError) || scope.signal.aborted) return undefined;
    // The breaker opened because of the failure before, which has the reason.
    failure = err.kind === 'unavailable' && failure ? failure : err;
    const delay = isTemporary(err)
      ? retryDelayMs(retry, err.options.retryAfterMs, { ...policy, maxDelayMs: remainingMs }, { random: random() })
      : undefined;
    if (delay === undefined || delay >= scope.remainingMs) throw failure;
    remainingMs -= delay;
    onRetry(err.options.status === undefined ? err.kind : String(err.options.status), delay);
    return delay;
  };
  return retrying({ delayMs, sleep: (ms) => clock.sleep(ms, { signal: scope.signal }) }, attempt);
}

/** A timeout is not retried: the client has waited long enough. */
function isTemporary(error: UpstreamError): boolean {
  const { status, retryAfterMs } = error.options;
  if (error.kind === 'throttled') return retryAfterMs !== undefined && error.options.budget === undefined;
  return isTransient(error) || status === 500 || status === 502 || status === 503 || status === 504;
}
