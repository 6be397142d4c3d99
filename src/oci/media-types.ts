/** @see https://github.com/opencontainers/image-spec/blob/v1.1.1/media-types.md */
export const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
export const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';
/** Was in release candidates of image-spec 1.1 and still lies in registries. */
export const OCI_ARTIFACT_MANIFEST = 'application/vnd.oci.artifact.manifest.v1+json';

/** @see https://distribution.github.io/distribution/spec/manifest-v2-2/ */
export const DOCKER_MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json';
export const DOCKER_MANIFEST_LIST = 'application/vnd.docker.distribution.manifest.list.v2+json';

/** @see https://distribution.github.io/distribution/spec/deprecated-schema-v1/ */
export const DOCKER_SCHEMA1 = 'application/vnd.docker.distribution.manifest.v1+json';
export const DOCKER_SCHEMA1_SIGNED = 'application/vnd.docker.distribution.manifest.v1+prettyjws';

/** Layers that clients fetch from where their `urls` say, and that a registry need not have. */
export const NON_DISTRIBUTABLE_LAYERS: readonly string[] = [
  'application/vnd.oci.image.layer.nondistributable.v1.tar',
  'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip',
  'application/vnd.oci.image.layer.nondistributable.v1.tar+zstd',
  'application/vnd.docker.image.rootfs.foreign.diff.tar',
  'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
];

/** Every kind of manifest, the ones most wanted first: what an `Accept` header has to list. */
export const MANIFEST_MEDIA_TYPES: readonly string[] = [
  OCI_INDEX,
  OCI_MANIFEST,
  DOCKER_MANIFEST_LIST,
  DOCKER_MANIFEST,
  OCI_ARTIFACT_MANIFEST,
  DOCKER_SCHEMA1_SIGNED,
  DOCKER_SCHEMA1,
];

/** As RFC 6838, section 4.2, has it; a manifest is served with it, so it is none that a browser would show or run. */
const MANIFEST_MEDIA_TYPE = /^application\/(?:vnd\.[\w!#$&^.+-]{1,120}|[\w!#$&^.+-]{0,120}json)$/;

/** Whether a manifest may be served with this type. */
export function isManifestMediaType(mediaType: string): boolean {
  return MANIFEST_MEDIA_TYPE.test(mediaType);
}
