import type { Digest } from './digest.ts';
import type { ManifestReading } from './manifest.ts';
import { DOCKER_MANIFEST, OCI_MANIFEST } from './media-types.ts';

/**
 * What is under these types every registry stores itself. All others are left out, known or not: registries take foreign and
 * non-distributable layers without having them, and may make exceptions for types of their own.
 */
const STORED_BY_REGISTRIES: ReadonlySet<string> = new Set([
  'application/vnd.oci.image.config.v1+json',
  'application/vnd.oci.image.layer.v1.tar',
  'application/vnd.oci.image.layer.v1.tar+gzip',
  'application/vnd.oci.image.layer.v1.tar+zstd',
  'application/vnd.docker.container.image.v1+json',
  'application/vnd.docker.image.rootfs.diff.tar',
  'application/vnd.docker.image.rootfs.diff.tar.gzip',
]);

/** More than any image has. */
const MAX_PROVEN = 1_000;

/**
 * The blobs that a repository of another registry has, as it has taken this manifest. Empty in case of doubt, and for every other kind of
 * manifest: an index can be taken without its children, a manifest without its subject.
 *
 * @param servedAs the media type with which that registry serves the manifest
 * @see docs/decisions/006-same-bytes-another-repository.md
 */
export function provenBlobs({ manifest, claimedType, flaw, ambiguity }: ManifestReading, servedAs: string): Digest[] {
  const isImage = claimedType === OCI_MANIFEST || claimedType === DOCKER_MANIFEST;
  if (!isImage || claimedType !== servedAs || (flaw ?? ambiguity) !== undefined) return [];
  if (manifest.references.length > MAX_PROVEN) return [];
  return manifest.references
    .filter(({ mediaType, urls, isEmbedded }) => STORED_BY_REGISTRIES.has(mediaType) && !urls && !isEmbedded)
    .map(({ digest }) => digest);
}
