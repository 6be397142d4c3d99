/** Why content is fetched, by who waits for it: a client; the revalidation of a tag that an operator requested; scheduled work. */
export type SpendClass = 'client' | 'refresh' | 'sync' | 'warm';

export interface Spending {
  readonly class: SpendClass;
  /** Identity of the client, else its address. Absent when no client waits, or it is not known. */
  readonly client?: string | undefined;
}

/** A pull that was requested from an upstream. */
export interface Spend extends Spending {
  readonly id: number;
  /** Unix milliseconds. */
  readonly at: number;
  readonly repository: string;
  /** It was made while the bucket was scarce, and counts for the fair share of its client. */
  readonly isScarce?: boolean;
}
