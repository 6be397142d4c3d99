import type { ActivityControl } from '../operations/activity-control.ts';
import type { AccessControl } from '../operations/access-control.ts';
import type { BudgetControl } from '../operations/budget-control.ts';
import type { BundleControl } from '../operations/bundle-control.ts';
import type { CacheControl } from '../operations/cache-control.ts';
import type { FillControl } from '../operations/fill-control.ts';
import type { JobControl } from '../operations/job-control.ts';
import type { PolicyControl } from '../operations/policy-control.ts';
import type { RecallControl } from '../operations/recall-control.ts';
import type { RecordingControl } from '../operations/recording-control.ts';
import type { PullLog } from '../operations/pull-log.ts';
import type { SignInLinks } from '../operations/sign-in-links.ts';
import type { StatusControl } from '../operations/status-control.ts';
import type { StoppedCache } from '../service/stopped-cache.ts';

/** What a running server shows of itself. */
export type ServerViews = StatusControl & FillControl & ActivityControl;

/** The cache that a command works on. */
export interface CacheTarget {
  readonly control: CacheControl;
  /** Absent without a running server. */
  readonly budget?: BudgetControl | undefined;
  /** Absent without a running server. */
  readonly access?: AccessControl | undefined;
  readonly bundles: BundleControl;
  readonly recalls: RecallControl;
  /** Absent without a running server. */
  readonly policy?: PolicyControl | undefined;
  /** Absent without a running server. */
  readonly jobs?: JobControl | undefined;
  /** Absent without a running server. */
  readonly recordings?: RecordingControl | undefined;
  readonly pulls: PullLog;
  /** Absent without a running server. */
  readonly views?: ServerViews | undefined;
  /** Absent without a running server. */
  readonly links?: SignInLinks | undefined;
  /** Absent when a server is running. */
  readonly stopped: StoppedCache | undefined;
  close(): Promise<void>;
}
