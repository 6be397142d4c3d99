import type { Digest } from '../oci/digest.ts';

/** The fills of a running server: the same interface in the process and over the admin API. */
export interface FillControl {
  fills(): Promise<FillList>;
  /** Ends all fills of a digest. Clients get what they get when an upstream fails; the received bytes stay for the next fill. */
  cancelFill(digest: string): Promise<CancelledFills>;
}

export interface FillList {
  /** The oldest first. */
  readonly fills: readonly FillView[];
  /** Also those that the list is too short for. */
  readonly total: number;
}

export interface CancelledFills {
  /** Fills that were cancelled, of one upstream each. */
  readonly cancelled: number;
}

/** Times are RFC 3339, sizes in bytes. */
export interface FillView {
  readonly digest: Digest;
  readonly upstream: string;
  /** Stored names of repositories that get the blob; the first few. */
  readonly repositories: readonly string[];
  /** `waiting`: for one of `proxy.fills.maxconcurrent`. */
  readonly state: 'waiting' | 'running';
  /** Absent before the upstream has sent it. */
  readonly size?: number | undefined;
  /** In the spool. */
  readonly written: number;
  readonly bytesPerSecond: number;
  readonly startedAt: string;
  /** Clients that wait for it or follow it. */
  readonly waiters: number;
  /** Bytes that an earlier fill had received. Absent when there were none. */
  readonly resumedFrom?: number | undefined;
}
