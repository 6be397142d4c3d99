/**
 * What a check that fails changes: `unhealthy`: everything is answered by 503, as distribution does; `unready`: `/readyz`
 * alone; `told`: nothing, but whoever asks is told.
 */
export type Consequence = 'unhealthy' | 'unready' | 'told';

export interface HealthCheck {
  /** Shown to whoever asks for the health; distribution's names. */
  readonly name: string;
  readonly consequence: Consequence;
  readonly intervalMs: number;
  /** Failures in a row before it counts. */
  readonly threshold: number;
  /** A run that takes longer counts as a failure, and its signal is aborted. */
  readonly timeoutMs: number;
  /** Rejects with the reason when unhealthy. */
  run(signal: AbortSignal): Promise<void>;
  /** What else is known, without asking anybody; no secrets. */
  detail?(): Readonly<Record<string, unknown>>;
}
