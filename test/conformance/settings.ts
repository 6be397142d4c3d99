import type { Settings } from './suite.ts';

/** Every API of the suite, also those that are left out unless they are asked for. */
const EVERY_API: Settings = {
  API_PING: true,
  API_PULL: true,
  API_PUSH: true,
  API_BLOBS_ATOMIC: true,
  API_BLOBS_DELETE: true,
  API_BLOBS_DIGEST_HEADER: true,
  API_BLOBS_MOUNT_ANONYMOUS: true,
  API_BLOBS_UPLOAD_CANCEL: true,
  API_MANIFESTS_ATOMIC: true,
  API_MANIFESTS_DELETE: true,
  API_MANIFESTS_DIGEST_HEADER: true,
  API_MANIFESTS_TAG_PARAM: true,
  API_TAGS_ATOMIC: true,
  API_TAGS_DELETE: true,
  API_TAGS_LIST: true,
  API_REFERRER: true,
};

const EVERY_DATA: Settings = {
  DATA_IMAGE: true,
  DATA_INDEX: true,
  DATA_INDEX_LIST: true,
  DATA_SPARSE: true,
  DATA_ARTIFACT: true,
  DATA_SUBJECT: true,
  DATA_SUBJECT_MISSING: true,
  DATA_ARTIFACT_LIST: true,
  DATA_SUBJECT_LIST: true,
  DATA_DATA_FIELD: true,
  DATA_NONDISTRIBUTABLE: true,
  DATA_CUSTOM_FIELDS: true,
  DATA_NO_LAYERS: true,
  DATA_EMPTY_BLOB: true,
  DATA_SHA512: true,
};

/** Everything there is. Sparse manifests name what was never pushed: the registry must not look for it. */
export const EVERYTHING: Settings = { ...EVERY_API, ...EVERY_DATA };

/** Everything that a registry takes which looks for what a manifest names. */
export const VALIDATED: Settings = { ...EVERYTHING, DATA_SPARSE: false };

/** Blobs come from a store that does not say what their digest is. */
export const REDIRECTED: Settings = { ...VALIDATED, API_BLOBS_DIGEST_HEADER: false };

/** What can be asked of a registry that takes nothing. */
export function readOnly(data: {
  readonly repository: string;
  readonly tags: readonly string[];
  readonly manifests: readonly string[];
  readonly blobs: readonly string[];
  readonly referrers: readonly string[];
}): Settings {
  return {
    ...EVERYTHING,
    API_PUSH: false,
    API_BLOBS_DELETE: false,
    API_MANIFESTS_DELETE: false,
    API_TAGS_DELETE: false,
    // The suite looks for the header in answers whose body it knows, and of these it knows none.
    API_MANIFESTS_DIGEST_HEADER: false,
    REPO1: data.repository,
    RO_DATA_TAGS: data.tags.join(' '),
    RO_DATA_MANIFESTS: data.manifests.join(' '),
    RO_DATA_BLOBS: data.blobs.join(' '),
    RO_DATA_REFERRERS: data.referrers.join(' '),
  };
}
