/** `exhausted`: no pull is left. `share`: the client has used its share. `reserve`: the rest is for clients. */
export type RefusalReason = 'exhausted' | 'share' | 'reserve';

/** A pull that was not admitted. */
export interface Refusal {
  readonly isAdmitted: false;
  readonly reason: RefusalReason;
  /** Unix milliseconds. */
  readonly retryAt: number;
}
