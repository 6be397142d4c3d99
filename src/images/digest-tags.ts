import type { Digest } from '../oci/digest.ts';

/**
 * The tags of cosign 1 and 2: the digest of the image, and the kind of its attachment.
 *
 * @see https://github.com/sigstore/cosign/blob/v2.4.1/specs/SIGNATURE_SPEC.md#tag-based-discovery
 */
const SUFFIXES = ['sig', 'att', 'sbom'] as const;
const DIGEST_TAG = new RegExp(`^[a-z0-9]+-[0-9a-f]{32,128}\\.(?:${SUFFIXES.join('|')})$`);

/** The tags that signatures, attestations and SBOMs of a manifest have: `sha256-….sig`. */
export function digestTagsOf(digest: Digest): string[] {
  return SUFFIXES.map((suffix) => `${digest.replace(':', '-')}.${suffix}`);
}

export function isDigestTag(tag: string): boolean {
  return DIGEST_TAG.test(tag);
}
