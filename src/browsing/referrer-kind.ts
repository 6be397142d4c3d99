import type { ReferrerKind } from '../operations/manifest-control.ts';

export interface TypedReferrer {
  readonly artifactType?: string | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

/** Annotations with the predicate of an attestation: those of sigstore bundles, cosign and BuildKit. */
const PREDICATES = ['dev.sigstore.bundle.predicateType', 'predicateType', 'in-toto.io/predicate-type'];
const BUNDLE = /^application\/vnd\.dev\.sigstore\.bundle/;
const SIGNATURES = [
  /^application\/vnd\.cncf\.notary\.signature$/,
  /^application\/vnd\.dev\.cosign\.artifact\.sig/,
  /^application\/vnd\.dev\.cosign\.simplesigning/,
];
const SBOMS = [/spdx/, /cyclonedx/, /syft/, /^application\/vnd\.dev\.cosign\.artifact\.sbom/];

/** What kind of content is attached, judging by its descriptor alone. */
export function referrerKind({ artifactType = '', annotations = {} }: TypedReferrer): ReferrerKind {
  const predicate = PREDICATES.map((key) => annotations[key]).find((value) => typeof value === 'string');
  if (predicate !== undefined) return predicateKind(predicate);
  if (BUNDLE.test(artifactType) || SIGNATURES.some((type) => type.test(artifactType))) return 'signature';
  if (SBOMS.some((type) => type.test(artifactType))) return 'sbom';
  return /in-toto|dsse/.test(artifactType) ? 'attestation' : 'unknown';
}

/** The kind of an attachment that cosign stores under a tag: `sha256-….sig`. */
export const COSIGN_SUFFIXES = { sig: 'signature', att: 'attestation', sbom: 'sbom' } as const;

function predicateKind(predicate: string): ReferrerKind {
  if (/slsa\.dev\/provenance/.test(predicate)) return 'provenance';
  if (/spdx|cyclonedx/i.test(predicate)) return 'sbom';
  return predicate.startsWith('https://sigstore.dev/cosign/sign') ? 'signature' : 'attestation';
}
