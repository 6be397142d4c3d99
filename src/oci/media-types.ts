/** @see https://github.com/opencontainers/image-spec/blob/v1.1.1/media-types.md */
export const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
export const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';
/** From release candidates of image-spec 1.1; registries still have such manifests. */
export const OCI_ARTIFACT_MANIFEST = 'application/vnd.oci.artifact.manifest.v1+json';

/** @see https://distribution.github.io/distribution/spec/manifest-v2-2/ */
export const DOCKER_MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json';
export const DOCKER_MANIFEST_LIST = 'application/vnd.docker.distribution.manifest.list.v2+json';

/** @see https://distribution.github.io/distribution/spec/deprecated-schema-v1/ */
export const DOCKER_SCHEMA1 = 'application/vnd.docker.distribution.manifest.v1+json';
export const DOCKER_SCHEMA1_SIGNED = 'application/vnd.docker.distribution.manifest.v1+prettyjws';

/** Layers that clients fetch from their `urls`; a registry need not have them. */
export const NON_DISTRIBUTABLE_LAYERS: readonly string[] = [
  'application/vnd.oci.image.layer.nondistributable.v1.tar',
  'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip',
  'application/vnd.oci.image.layer.nondistributable.v1.tar+zstd',
  'application/vnd.docker.image.rootfs.foreign.diff.tar',
  'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
];

/** Every manifest media type, in order of preference, for an `Accept` header. */
export const MANIFEST_MEDIA_TYPES: readonly string[] = [
  OCI_INDEX,
  OCI_MANIFEST,
  DOCKER_MANIFEST_LIST,
  DOCKER_MANIFEST,
  OCI_ARTIFACT_MANIFEST,
  DOCKER_SCHEMA1_SIGNED,
  DOCKER_SCHEMA1,
];

/** Syntax of RFC 6838, section 4.2. Manifests are served with it, so types that a browser would render or execute do not match. */
const MANIFEST_MEDIA_TYPE = /^application\/(?:vnd\.[\w!#$&^.+-]{1,120}|[\w!#$&^.+-]{0,120}json)$/;

/** Whether a manifest may be served with this media type. */
export function isManifestMediaType(mediaType: string): boolean {
  return MANIFEST_MEDIA_TYPE.test(mediaType);
}
