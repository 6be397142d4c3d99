import type { MemberBudget } from './budget-control.ts';

/** The upstreams of a running server: the same interface in the process and over the admin API. */
export interface UpstreamControl {
  upstreams(): Promise<readonly UpstreamView[]>;
  /** Sends a request to each host now, also to those that are not called because they failed. */
  probeUpstream(name: string): Promise<ProbeView>;
  /** Forgets the failures of its hosts: the next pull calls them. */
  resetUpstream(name: string): Promise<UpstreamView>;
  /** @param forMs until then it is not called. 0: it is called again. Milliseconds */
  setUpstreamOffline(name: string, forMs: number): Promise<UpstreamView>;
}

/** Times are RFC 3339. */
export interface UpstreamView {
  readonly name: string;
  readonly remote: string;
  /** The registry itself, then its mirrors. */
  readonly endpoints: readonly EndpointView[];
  readonly budget: readonly AccountView[];
  /** It is not called before this, by a command. */
  readonly offlineUntil?: string | undefined;
}

export interface BreakerView {
  /** `open`: it failed repeatedly, and is not called; `half-open`: the next request decides. */
  readonly breaker: 'closed' | 'open' | 'half-open';
}

export interface EndpointView extends BreakerView {
  readonly host: string;
  readonly isMirror: boolean;
  /** Why it is not closed. */
  readonly reason?: string | undefined;
  /** When it was last closed. */
  readonly since?: string | undefined;
  /** When the next request may be sent. */
  readonly retryAt?: string | undefined;
  readonly lastOkAt?: string | undefined;
  readonly lastError?: { readonly kind: string; readonly operation: string; readonly at: string } | undefined;
}

export interface AccountView extends Pick<MemberBudget, 'limit' | 'left'> {
  readonly account: string;
  /** Where its credentials come from: kinds of `credentials` entries. `anonymous` without any. */
  readonly credentials: readonly string[];
  /** When a pull is available, if none is now. */
  readonly nextAt?: string | undefined;
  /** When no pull is left, at the pace of the last half hour. */
  readonly emptyAt?: string | undefined;
  /** Why it cannot log in. */
  readonly trouble?: { readonly reason: string; readonly retryAt?: string | undefined } | undefined;
}

export interface ProbeView {
  readonly endpoints: readonly {
    readonly host: string;
    readonly ok: boolean;
    readonly durationMs: number;
    /** Absent when it responded as a registry. */
    readonly error?: string | undefined;
  }[];
}
