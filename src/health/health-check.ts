/**
 * The effect of a failing check.
 *
 * - `unhealthy`: every response is 503, like distribution · `unready`: only that of `/readyz` · `reported`: only the reports change
 */
export type Consequence = 'unhealthy' | 'unready' | 'reported';

export interface HealthCheck {
  /** In health reports; the names of distribution. */
  readonly name: string;
  readonly consequence: Consequence;
  /** Whether it runs as soon as the service listens, which is not ready before it has passed. */
  readonly isAwaited?: boolean;
  readonly intervalMs: number;
  /** Consecutive failures before the check counts as failed. */
  readonly threshold: number;
  /** A run that takes longer counts as a failure, and its signal is aborted. */
  readonly timeoutMs: number;
  /** Rejects with the reason when unhealthy. */
  run(signal: AbortSignal): Promise<void>;
  /** Further known facts for the report; no secrets. */
  detail?(): Readonly<Record<string, unknown>>;
}
