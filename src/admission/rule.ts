import type { SigningAuthority } from '../signatures/verify-image.ts';

/** Signatures that an image must have. */
export interface SignatureCondition {
  /** Names of authorities. */
  readonly by: readonly string[];
  readonly require: 'all' | 'any';
  /** Those of {@link by}; an authority with several keys is listed with each. */
  readonly authorities: readonly SigningAuthority[];
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
  /** Changes with everything that decisions depend on. */
  readonly hash: string;
}

/** Nothing of the repositories is checked. */
export function isOpen(rule: AdmissionRule | undefined): boolean {
  return rule === undefined || rule.static === 'allow';
}

/** Whether blobs are served only when an admitted manifest names them. With an audit, manifests alone are marked. */
export function guardsParts(rule: AdmissionRule | undefined): rule is AdmissionRule {
  return rule !== undefined && !isOpen(rule) && rule.mode === 'enforce';
}

export interface AdmissionPolicy {
  readonly rules: readonly AdmissionRule[];
  /** How long a client waits for a decision. Milliseconds. */
  readonly waitMs: number;
  /** Content for which there is no decision. */
  readonly onError: 'refuse' | 'allow';
}
