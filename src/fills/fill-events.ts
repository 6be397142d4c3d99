/** A fill, by its current source. */
export interface FillEvent {
  readonly upstream: string;
  /** Name at the upstream. */
  readonly repository: string;
  /** Stored name of the repository. */
  readonly stored: string;
  readonly digest: string;
}

/** Each fill that started is reported once as completed, failed or discarded. */
export interface FillEvents {
  fillStarted(event: FillEvent): void;
  fillResumed(event: FillEvent & { readonly bytes: number }): void;
  fillCompleted(event: FillEvent & { readonly bytes: number; readonly durationMs: number }): void;
  /** The bytes fetched so far are kept for a later fill. */
  fillFailed(event: FillEvent & { readonly bytes: number; readonly reason: string }): void;
  /** The bytes fetched so far are deleted: they are wrong, or there is no space for them. */
  fillDiscarded(event: FillEvent & { readonly bytes: number; readonly reason: string }): void;
  fillReaders(change: 1 | -1): void;
}
