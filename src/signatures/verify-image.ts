import type { KeyObject } from 'node:crypto';

import type { Digest } from '../oci/digest.ts';
import type { CertificateVerifier } from './certificate-verifier.ts';
import { type Finding, type FindOptions, findSignatures, type SignatureSource } from './find-signatures.ts';
import type { FoundSignature } from './found-signature.ts';
import { isSignedBy } from './public-key.ts';

/** Whose signatures are accepted: those of a key, or those with certificates. */
export type SigningAuthority = { readonly name: string } & (
  | { readonly key: KeyObject }
  | { readonly certificates: CertificateVerifier }
);

/** A good signature of an authority. */
export interface AcceptedSignature {
  readonly authority: string;
  readonly format: FoundSignature['format'];
  /** The manifest that holds it. */
  readonly manifest: Digest;
}

export interface SignatureVerdict {
  readonly digest: Digest;
  /** At most one of each authority. */
  readonly accepted: readonly AcceptedSignature[];
  /** Why other signatures were not accepted. */
  readonly rejected: readonly { readonly manifest: Digest; readonly reason: string }[];
}

/**
 * Verifies the signatures of a manifest. Its tag must have been resolved before: the verdict is about the digest.
 *
 * @throws {ImageError} · {RegistryError} when the signatures cannot be fetched
 */
export async function verifyImage(
  source: SignatureSource,
  { digest, authorities }: { readonly digest: Digest; readonly authorities: readonly SigningAuthority[] },
  options: FindOptions,
): Promise<SignatureVerdict> {
  const accepted = new Map<string, AcceptedSignature>();
  const rejected: { manifest: Digest; reason: string }[] = [];
  for (const finding of await findSignatures(source, digest, options)) {
    const judged = await judge(finding, digest, authorities);
    if (typeof judged === 'string') rejected.push({ manifest: finding.manifest, reason: judged });
    else
      for (const signature of judged)
        if (!accepted.has(signature.authority)) accepted.set(signature.authority, signature);
  }
  return { digest, accepted: [...accepted.values()], rejected };
}

/** @returns the accepted signatures, or why there is none */
async function judge(
  finding: Finding,
  digest: Digest,
  authorities: readonly SigningAuthority[],
): Promise<readonly AcceptedSignature[] | string> {
  if ('problem' in finding) return finding.problem;
  const { signature, manifest } = finding;
  if (!signature.subjects.includes(digest)) return `it signs ${signature.subjects[0]}`;
  const accepted: AcceptedSignature[] = [];
  let reason = 'it is signed with another key';
  for (const authority of authorities) {
    const problem = await findProblem(authority, signature);
    if (problem === undefined) accepted.push({ authority: authority.name, format: signature.format, manifest });
    else if (problem !== '') reason = problem;
  }
  return accepted.length > 0 ? accepted : reason;
}

/** @returns undefined when the authority has signed it; empty text when there is nothing to add */
async function findProblem(authority: SigningAuthority, signature: FoundSignature): Promise<string | undefined> {
  if ('key' in authority) return (await hasSigned(authority.key, signature)) ? undefined : '';
  if (!signature.bundle) return 'its format has no certificate that is supported';
  return authority.certificates.findProblem(signature.bundle);
}

async function hasSigned(key: KeyObject, { signed, signatures }: FoundSignature): Promise<boolean> {
  for (const signature of signatures) if (await isSignedBy(key, signed, signature)) return true;
  return false;
}
