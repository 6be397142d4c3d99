/** Decisions about who may read private repositories of upstreams. Names are stored names. */
export interface AccessControl {
  /** The newest decisions first. */
  accessDecisions(query: AccessQuery): Promise<AccessList>;
  /** Decides as a request of this user would. @throws {ControlError} `not-found` when the name belongs to no upstream with `private.access` */
  checkAccess(request: AccessCheckRequest): Promise<AccessReport>;
  /** The next request is decided again, on all replicas. @throws {ControlError} `invalid` */
  forgetAccess(request: ForgetAccess): Promise<ForgottenAccess>;
}

export interface AccessQuery {
  /** A glob. @default all of them */
  readonly names?: string | undefined;
  readonly limit?: number | undefined;
}

export interface AccessList {
  readonly decisions: readonly AccessEntry[];
  /** There are more than the limit. */
  readonly isCut: boolean;
}

export interface AccessEntry {
  readonly repository: string;
  readonly upstream: string;
  /** `anonymous`, the name of an account, or `token:` and a fingerprint. */
  readonly identity: string;
  readonly isAllowed: boolean;
  /** Unix milliseconds. */
  readonly decidedAt: number;
  /** Unix milliseconds. */
  readonly until: number;
}

export interface AccessCheckRequest {
  /** An image, such as `ghcr.io/acme/app:1`, or a repository. */
  readonly name: string;
  /** Absent: an anonymous client. */
  readonly user?: string | undefined;
}

export interface AccessReport {
  readonly repository: string;
  readonly upstream: string;
  readonly groups: readonly string[];
  readonly result: 'public' | 'allowed' | 'refused' | 'unavailable';
  /** The account that may read it. Absent unless the result is `allowed`. */
  readonly account?: string | undefined;
}

export interface ForgetAccess {
  /** A glob. */
  readonly names: string;
  /** As in {@link AccessEntry}. Absent: all of them. */
  readonly identity?: string | undefined;
}

export interface ForgottenAccess {
  readonly forgotten: number;
}
