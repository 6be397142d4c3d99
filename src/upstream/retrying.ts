import type { CallScope } from './call-scope.ts';
import { isTransient } from './network-failure.ts';
import { type RetryPolicy, retryDelayMs } from './retry.ts';
import { UpstreamError } from './upstream.ts';

export interface RetryingOptions {
  readonly policy: RetryPolicy;
  readonly scope: CallScope;
  /** Between 0 and 1. */
  readonly random: () => number;
  readonly onRetry: (reason: string, delayMs: number) => void;
}

/** Repeats an idempotent `attempt` while its failure may pass, and while the waits fit into the policy and the deadline. */
export async function retrying<T>(options: RetryingOptions, attempt: (retry: number) => Promise<T>): Promise<T> {
  const { policy, scope, random, onRetry } = options;
  let patienceMs = policy.maxDelayMs;
  let failure: UpstreamError | undefined;
  for (let retry = 0; ; retry++) {
    try {
      return await attempt(retry);
    } catch (err) {
      if (!(err instanceof UpstreamError) || scope.signal.aborted) throw err;
      // The breaker opened because of the failure before; that one says more.
      failure = err.kind === 'unavailable' && failure ? failure : err;
      const delayMs = mayPass(err)
        ? retryDelayMs(retry, err.options.retryAfterMs, { ...policy, maxDelayMs: patienceMs }, { random: random() })
        : undefined;
      if (delayMs === undefined || delayMs >= scope.remainingMs) throw failure;
      patienceMs -= delayMs;
      onRetry(err.options.status === undefined ? err.kind : String(err.options.status), delayMs);
      await scope.sleep(delayMs);
    }
  }
}

/** A timeout is not tried again: the one who waits has waited long enough. */
function mayPass(error: UpstreamError): boolean {
  const { status, retryAfterMs } = error.options;
  if (error.kind === 'throttled') return retryAfterMs !== undefined;
  return isTransient(error) || status === 500 || status === 502 || status === 503 || status === 504;
}
