import type { SigningAuthority } from '../signatures/verify-image.ts';

/** Signatures that an image must have. */
export interface SignatureCondition {
  /** Names of authorities. */
  readonly by: readonly string[];
  readonly require: 'all' | 'any';
  /** Those of {@link by}; an authority with several keys is listed with each. */
  readonly authorities: readonly SigningAuthority[];
}

/** For how long a tag must have named a digest. */
export interface AgeCondition {
  readonly minAgeMs: number;
  readonly unknown: 'wait' | 'allow';
  readonly onNone: 'refuse' | 'allow';
  /** Pulls by digest. */
  readonly digests: 'allow' | 'wait';
  /** @param name stored name, with a colon and the tag */
  readonly isExempt: (name: string) => boolean;
  /** Images with one of these signatures need no age. */
  readonly unless?: SignatureCondition | undefined;
  /** New images are fetched before they are served. */
  readonly prefetch: boolean;
}

/** What images of some names need. */
export interface AdmissionRule {
  readonly name: string;
  /** `audit`: content that is not admitted is served and marked. */
  readonly mode: 'enforce' | 'audit';
  /** @param repository its stored name */
  readonly matches: (repository: string) => boolean;
  /** Decides alone. */
  readonly static?: 'allow' | 'deny' | undefined;
  readonly signatures?: SignatureCondition | undefined;
  readonly age?: AgeCondition | undefined;
  /** Changes with everything that decisions depend on. */
  readonly hash: string;
}

export type AgedRule = AdmissionRule & { readonly age: AgeCondition };

export function hasAge(rule: AdmissionRule): rule is AgedRule {
  return rule.age !== undefined;
}

/** Nothing of the repositories is checked. */
export function isOpen(rule: AdmissionRule | undefined): boolean {
  return rule === undefined || rule.static === 'allow';
}

/** Whether a manifest can be refused by its digest, and not only by a tag. */
export function decidesDigests({ static: fixed, signatures, age }: AdmissionRule): boolean {
  return fixed === 'deny' || signatures !== undefined || age?.digests === 'wait';
}

/** Whether blobs are served only when an admitted manifest names them. With an audit, manifests alone are marked. */
export function guardsParts(rule: AdmissionRule | undefined): rule is AdmissionRule {
  return rule !== undefined && rule.mode === 'enforce' && decidesDigests(rule);
}

export interface AdmissionPolicy {
  readonly rules: readonly AdmissionRule[];
  /** How long a client waits for a decision. Milliseconds. */
  readonly waitMs: number;
  /** Content for which there is no decision. */
  readonly onError: 'refuse' | 'allow';
  /** When the oldest trusted root was written. Unix milliseconds. Absent without one. */
  readonly oldestRootAt?: number | undefined;
}
