import { createHash } from 'node:crypto';

import { ImageError } from '../images/image-error.ts';
import { matchGlobs } from '../matching/glob.ts';
import { type JsonObject, parseJson, SignatureError } from './found-signature.ts';

/** Whose certificates are accepted. */
export interface SignerIdentity {
  /** Compared as a whole. */
  readonly issuer: string;
  /** A glob for the whole subject of a certificate, which is a URL or an address. `*` matches within a segment. */
  readonly subject: string;
}

interface Signer {
  readonly issuer: string | undefined;
  readonly subject: string | undefined;
}

type VerifyBundle = (bundle: JsonObject) => Signer;

/**
 * Verifies bundles that are signed with a short-lived certificate, offline, by a trusted root: the certificate when it was used, its entry in
 * a log of certificates, the entry of the signature in a log, and timestamps.
 */
export class CertificateVerifier {
  /** Changes with the root and the identities. */
  readonly hash: string;
  readonly #identities: readonly { readonly issuer: string; readonly matches: (subject: string) => boolean }[];
  readonly #verify: VerifyBundle;

  private constructor(hash: string, identities: readonly SignerIdentity[], verify: VerifyBundle) {
    this.hash = hash;
    this.#identities = identities.map(({ issuer, subject }) => ({ issuer, matches: matchGlobs([subject]) }));
    this.#verify = verify;
  }

  /**
   * @param root the content of `trusted_root.json`
   * @param origin for the message
   * @throws {ImageError} · {GlobError} for a subject
   */
  static async load(
    root: Uint8Array,
    { identities, origin }: { readonly identities: readonly SignerIdentity[]; readonly origin: string },
  ): Promise<CertificateVerifier> {
    const facts = identities.map(({ issuer, subject }) => [issuer, subject]);
    const hash = createHash('sha256').update(root).update(JSON.stringify(facts)).digest('base64url');
    return new CertificateVerifier(hash, identities, await loadVerifier(root, origin));
  }

  /** @returns why the bundle is not accepted; undefined when it is */
  findProblem(bundle: JsonObject): string | undefined {
    let signer: Signer;
    try {
      signer = this.#verify(bundle);
    } catch (err) {
      return `its certificate is not accepted: ${err instanceof Error ? err.message : String(err)}`;
    }
    return this.#isAccepted(signer) ? undefined : `it is signed by ${signer.subject} (${signer.issuer})`;
  }

  /** The package compares a part of the subject, and accepts every one for an empty pattern. */
  #isAccepted({ issuer, subject }: Signer): boolean {
    if (!issuer || !subject) return false;
    return this.#identities.some((identity) => identity.issuer === issuer && identity.matches(subject));
  }
}

/** @throws {ImageError} */
async function loadVerifier(root: Uint8Array, origin: string): Promise<VerifyBundle> {
  const [{ bundleFromJSON }, { TrustedRoot }, { toSignedEntity, toTrustMaterial, Verifier }] = await Promise.all([
    import('@sigstore/bundle'),
    import('@sigstore/protobuf-specs'),
    import('@sigstore/verify'),
  ]);
  let verifier: InstanceType<typeof Verifier>;
  try {
    const material = toTrustMaterial(TrustedRoot.fromJSON(parseJson(root, 'the file')));
    if (material.certificateAuthorities.length === 0) throw new SignatureError('it has no certificate authority');
    // All thresholds are 1: a certificate needs its log, a log of signatures or a timestamp, and both.
    verifier = new Verifier(material);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ImageError(`${origin}: not a trusted root (trusted_root.json): ${reason}`, { cause });
  }
  return (bundle) => {
    const entity = toSignedEntity(bundleFromJSON(bundle));
    // A key of a bundle has no identity.
    if (entity.key.$case !== 'certificate') throw new SignatureError('it has none');
    const { identity } = verifier.verify(entity);
    return { issuer: identity?.extensions?.issuer, subject: identity?.subjectAlternativeName };
  };
}
