import type { Digest } from './digest.ts';
import type { ManifestReading } from './manifest.ts';
import { DOCKER_MANIFEST, OCI_MANIFEST } from './media-types.ts';

/**
 * Every registry stores content of these types. All others are left out: registries accept manifests with foreign and
 * non-distributable layers that they do not have, and may make exceptions for further types.
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

/** More blobs than any image has. */
const MAX_PROVEN = 1_000;

/**
 * The blobs that a repository of another registry must have, because it accepted this manifest.
 *
 * @param servedAs the media type with which that registry serves the manifest
 * @returns digests; empty in case of doubt, and for everything but an image manifest: a registry may accept an index
 *   without its manifests, and a manifest without its subject
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
