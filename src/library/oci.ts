/**
 * The terms of the OCI specifications: digests, references, descriptors, manifests, ranges, pages, errors.
 * Loads nothing but itself.
 *
 * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md
 * @module
 */
export { type Descriptor, type ManifestDescriptor, OCTET_STREAM } from '../oci/descriptor.ts';
export {
  type Digest,
  type DigestAlgorithm,
  digestAlgorithm,
  digestFromHash,
  digestHex,
  digestOf,
  isDigest,
  parseDigest,
} from '../oci/digest.ts';
export {
  ERROR_CODES,
  RegistryError,
  type RegistryErrorCode,
  type RegistryErrorOptions,
  toRegistryError,
} from '../oci/errors.ts';
export { type ManifestReference, type ParsedManifest, parseManifest } from '../oci/manifest.ts';
export {
  DOCKER_MANIFEST,
  DOCKER_MANIFEST_LIST,
  isManifestMediaType,
  MANIFEST_MEDIA_TYPES,
  OCI_INDEX,
  OCI_MANIFEST,
} from '../oci/media-types.ts';
export { nextPageLink, type Page, type PageRequest, pageOf, parsePage } from '../oci/pagination.ts';
export { type ByteRange, contentRange, parseRange, type RangeRequest } from '../oci/range.ts';
export { parseReference, parseRepositoryName, type Reference, referenceText } from '../oci/reference.ts';
export { type ReferrersPage, type ReferrersQuery } from '../oci/referrers-page.ts';
