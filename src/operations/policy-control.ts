import type { Digest } from '../oci/digest.ts';

/** Rules for content of upstreams: the same interface in the process and over the admin API. Names are stored ones. */
export interface PolicyControl {
  /**
   * Decides about an image now, without effects on later decisions. Its signatures are fetched into the cache.
   *
   * @param name `repository:tag` or `repository@digest`
   * @throws {ControlError} `invalid` · `not-found` · {RegistryError} of the upstream
   */
  checkPolicy(name: string): Promise<PolicyCheck>;
  /** Images that were admitted before the rules changed, and would not be now. */
  policyChanges(): Promise<readonly PolicyCheck[]>;
  /** Content that clients do not get now, as far as it is known. */
  heldContent(): Promise<readonly HeldImage[]>;
  /**
   * Ends the minimum age for a digest.
   *
   * @param name `repository@digest`
   * @throws {ControlError} `invalid` · `unavailable` when this cannot be kept
   */
  releaseContent(name: string, reason: string): Promise<ReleasedImage>;
}

/** What tags have named before. Names are stored ones. */
export interface TagHistoryControl {
  /** @param name `repository:tag` @throws {ControlError} `invalid` · `not-found` for a tag that was never seen */
  tagHistory(name: string): Promise<TagHistoryView>;
}

export interface TagHistoryView {
  readonly name: string;
  /** The oldest first. */
  readonly digests: readonly SeenDigestView[];
}

/** Times in Unix milliseconds. */
export interface SeenDigestView {
  readonly digest: Digest;
  readonly firstSeen: number;
  /** When the upstream last confirmed it. */
  readonly lastConfirmed: number;
  /** When the tag was seen with another digest. Absent while it names this one. */
  readonly gone?: number;
}

export interface PolicyCheck {
  readonly name: string;
  readonly digest: Digest;
  /** Absent when no rule is about the repository. */
  readonly rule?: { readonly name: string; readonly mode: 'enforce' | 'audit' } | undefined;
  /** `hold`: the digest is not old enough. */
  readonly outcome: 'allow' | 'deny' | 'later' | 'hold';
  readonly reason: string;
  /** The digests that the tag is served as instead, the first that can be fetched. */
  readonly served?: readonly Digest[];
  /** Signatures that were found. */
  readonly signatures?: readonly CheckedSignature[];
}

export interface CheckedSignature {
  /** The manifest that holds it. */
  readonly manifest: Digest;
  /** Absent when it is not accepted. */
  readonly authority?: string;
  /** Why it is not accepted, or its format. */
  readonly note: string;
}

export interface HeldImage {
  /** With the tag, where that is held. */
  readonly name: string;
  readonly digest: Digest;
  readonly rule: string;
  readonly reason: string;
  /** Unix milliseconds. Absent when time alone does not end it. */
  readonly until?: number | undefined;
}

export interface ReleasedImage {
  readonly name: string;
  readonly reason: string;
}
