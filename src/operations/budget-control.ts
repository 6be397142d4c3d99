/** Operations on the pulls that upstreams allow: the same interface in the process and over the admin API. */
export interface BudgetControl {
  /** @param upstream its name. Absent for all of them */
  budget(upstream?: string): Promise<BudgetReport>;
  /** Stops or resumes work that no client waits for. */
  holdBudget(request: BudgetHold): Promise<BudgetReport>;
}

export interface BudgetHold {
  /** @default true */
  readonly hold?: boolean | undefined;
  /** Absent for all of them. */
  readonly upstream?: string | undefined;
}

export interface BudgetReport {
  readonly upstreams: readonly UpstreamBudget[];
}

export interface UpstreamBudget {
  readonly upstream: string;
  /** Work that no client waits for is stopped. */
  readonly held: boolean;
  readonly members: readonly MemberBudget[];
  /** Pulls of clients that the upstream did not count, by reason, since the process started. */
  readonly saved: Readonly<Record<string, number>>;
}

/** Times in Unix milliseconds. */
export interface MemberBudget {
  readonly member: string;
  /** The registry's name of the limit, which several members may share. */
  readonly bucket: string;
  /** Pulls per window. Absent when the registry states none. */
  readonly limit?: number | undefined;
  readonly windowMs?: number | undefined;
  /** As estimated. Absent without limit. */
  readonly left?: number | undefined;
  /** When the registry last stated it. */
  readonly asOf?: number | undefined;
  /** When no pull is left, at the pace of the last half hour. */
  readonly emptyAt?: number | undefined;
  /** When a pull is available, if none is now. */
  readonly nextAt?: number | undefined;
  /** Within the window, by who waited. */
  readonly spent: Readonly<Record<string, number>>;
  readonly repositories: readonly PullCount[];
  readonly clients: readonly PullCount[];
  /** Why it cannot log in. */
  readonly trouble?: { readonly reason: string; readonly retryAt?: number | undefined } | undefined;
}

export interface PullCount {
  readonly name: string;
  readonly pulls: number;
}
