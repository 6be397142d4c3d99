/** The images of a bundle, as they were locked. */
export const LOCK_PATH = 'layover/images.lock.yaml';
/** Which blobs are where. */
export const CONTENTS_PATH = 'layover/bundle.json';
/** For `sha256sum -c`. */
export const SUMS_PATH = 'layover/SHA256SUMS';
/** Over the sums. Absent from an unsigned bundle. */
export const SIGNATURE_PATH = 'layover/bundle.sigstore.json';
/** Some 10 000 images. A server that imports parses it between two requests. */
export const MAX_LOCK_BYTES = 4 * 1024 * 1024;
/** Of each of the other files. */
export const MAX_METADATA_BYTES = 64 * 1024 * 1024;
