/** Events for the log. */
export interface PullEvents {
  /** The record on disk was not usable; a new one is in use. */
  pullsDamaged(event: { readonly reason: string; readonly movedTo: string }): void;
  /** Pulls are lost, until {@link pullsRecorded}. Once per change. */
  pullsNotRecorded(error: unknown): void;
  /** @param event.lost records that were not written, of equal pulls each */
  pullsRecorded(event: { readonly lost: number }): void;
  /** Records are removed before `audit.keep`. Once for the process. */
  pullsRemovedEarly(): void;
}
