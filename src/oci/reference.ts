import { type Digest, isDigest } from './digest.ts';
import { RegistryError } from './errors.ts';

/** A tag or a digest, where the API takes either. */
export type Reference =
  | { readonly kind: 'tag'; readonly tag: string }
  | { readonly kind: 'digest'; readonly digest: Digest };

/** Characters of the whole name including slashes, as in Docker's registry. */
const MAX_NAME_LENGTH = 255;

const COMPONENT = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*';
const NAME = new RegExp(`^${COMPONENT}(?:/${COMPONENT})*$`);
// The first part of a name may be the host of an upstream: `ghcr.io/…`, `registry.corp:5000/…`. Labels start and end with a
// letter or digit, so `..` does not match.
const LABEL = '[A-Za-z0-9]+(?:-+[A-Za-z0-9]+)*';
const HOST_AND_NAME = new RegExp(`^${LABEL}(?:\\.${LABEL})*(?::[0-9]{1,5})?(?:/${COMPONENT})+$`);
const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;

/**
 * Checks the name of a repository. The name may start with a host.
 *
 * @returns the same text
 * @throws {RegistryError} `NAME_INVALID`
 * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pulling-manifests
 */
export function parseRepositoryName(text: string): string {
  const ok = text.length <= MAX_NAME_LENGTH && (NAME.test(text) || HOST_AND_NAME.test(text));
  if (!ok) throw new RegistryError('NAME_INVALID', `invalid repository name: ${JSON.stringify(text.slice(0, 300))}`);
  return text;
}

export function isTag(text: string): boolean {
  return TAG.test(text);
}

/**
 * Parses a tag or a digest.
 *
 * @throws {RegistryError} `DIGEST_INVALID` for invalid text with a colon, `TAG_INVALID` for other invalid text
 */
export function parseReference(text: string): Reference {
  if (isDigest(text)) return { kind: 'digest', digest: text };
  if (text.includes(':'))
    throw new RegistryError('DIGEST_INVALID', `not a digest: ${JSON.stringify(text.slice(0, 200))}`);
  if (!isTag(text)) throw new RegistryError('TAG_INVALID', `not a tag: ${JSON.stringify(text.slice(0, 200))}`);
  return { kind: 'tag', tag: text };
}

/**
 * Like {@link parseReference}, for reading or deleting a manifest: an invalid tag cannot exist.
 *
 * @throws {RegistryError} `MANIFEST_UNKNOWN` instead of `TAG_INVALID`
 * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pulling-manifests
 */
export function parseExistingReference(text: string): Reference {
  try {
    return parseReference(text);
  } catch (err) {
    if (!(err instanceof RegistryError) || err.code !== 'TAG_INVALID') throw err;
    throw new RegistryError('MANIFEST_UNKNOWN', `manifest unknown: ${err.message}`);
  }
}

/** The tag or digest, as in a URL. */
export function referenceText(reference: Reference): string {
  return reference.kind === 'tag' ? reference.tag : reference.digest;
}
