/** How a request was decided. `rule`: by the configuration alone. */
export type AccessSource = 'cached' | 'probe' | 'head' | 'rule';
export type AccessOutcome = 'public' | 'allowed' | 'refused' | 'unavailable';

export interface AccessEvents {
  /** Every request for content of an upstream with private repositories. */
  accessDecided(event: {
    readonly upstream: string;
    readonly source: AccessSource;
    readonly result: AccessOutcome;
  }): void;
  /** A check at the upstream has ended. */
  accessChecked(event: { readonly upstream: string; readonly durationMs: number }): void;
  /** While the upstream cannot be queried, the last decision counts. */
  accessHeldOver(event: { readonly upstream: string; readonly repository: string; readonly reason: string }): void;
  /** A file of decisions cannot be read or written: they are made again. */
  decisionsNotKept(event: { readonly path: string; readonly error: unknown }): void;
}
