import type { Problem } from './problem-control.ts';
import type { BreakerView } from './upstream-control.ts';

/** How the service does, from memory: the same interface in the process and over the admin API. */
export interface StatusControl {
  status(): Promise<ServiceStatus>;
  history(range: HistoryRange): Promise<HistoryView>;
}

/**
 * - `working`
 * - `degraded`: something needs attention, and clients get what they request
 * - `offline`: no upstream is available, and only stored content is served
 * - `idle`: working, without a request in the last hour
 * - `failing`: not ready to serve
 */
export const VERDICTS = ['working', 'degraded', 'offline', 'idle', 'failing'] as const;
export type Verdict = (typeof VERDICTS)[number];

/** Times are RFC 3339, sizes in bytes. */
export interface ServiceStatus {
  readonly verdict: Verdict;
  /** The reason, as a sentence. */
  readonly text: string;
  readonly version: string;
  readonly startedAt: string;
  /** Share of the content requests of upstreams that storage or memory served, from 0 to 1. Absent without any. */
  readonly ratio: { readonly h1?: number | undefined; readonly d1?: number | undefined };
  /** Bytes sent to clients that no upstream had to send. */
  readonly saved: { readonly d1: number; readonly sinceInstall: number; readonly since?: string | undefined };
  readonly disk: DiskStatus;
  readonly fills: { readonly running: number; readonly waiters: number };
  readonly upstreams: readonly UpstreamSummary[];
  /** Of the last hour; the most severe first, ten at most. */
  readonly problems: readonly Problem[];
}

export interface DiskStatus {
  /** Stored bytes, each digest once. */
  readonly used: number;
  readonly quota?: number | undefined;
  /** On the file system of the storage. Absent for other storage, and when it does not respond. */
  readonly free?: number | undefined;
  readonly oldestUseAt?: string | undefined;
}

export interface UpstreamSummary {
  readonly name: string;
  readonly breaker: BreakerView['breaker'];
  /** When its breaker opened. */
  readonly since?: string | undefined;
  readonly offlineUntil?: string | undefined;
  /** Kind of failure of its last requests, which all failed: `network`, `timeout`, `server`, `protocol`, `unauthorized` or `denied`. */
  readonly failing?: string | undefined;
}

export const HISTORY_RANGES = ['1h', '24h', '90d'] as const;
export type HistoryRange = (typeof HISTORY_RANGES)[number];

export interface HistoryView {
  readonly range: HistoryRange;
  /** Start of the first step. */
  readonly from: string;
  readonly stepSeconds: number;
  /** One value for each step: its count, or a level at its end. `null`: nothing is known about the step. */
  readonly series: Readonly<Record<string, readonly (number | null)[]>>;
}
