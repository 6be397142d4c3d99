import type { CacheControl } from '../operations/cache-control.ts';
import type { PullLog } from '../operations/pull-log.ts';
import type { StoppedCache } from '../service/stopped-cache.ts';

/** The cache that a command works on. */
export interface CacheTarget {
  readonly control: CacheControl;
  readonly pulls: PullLog;
  /** Absent when a server is running. */
  readonly stopped: StoppedCache | undefined;
  close(): Promise<void>;
}
