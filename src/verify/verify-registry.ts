import { refuseWrites } from '../filters/read-only.ts';
import { type Descriptor, OCTET_STREAM } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';
import { RegistryError } from '../oci/errors.ts';
import { pageOf } from '../oci/pagination.ts';
import type { Reference } from '../oci/reference.ts';
import type { Manifest, Registry } from '../registry/registry.ts';
import { MemorySource } from '../stream/byte-source.ts';
import { VERIFY_IMAGE } from './verify-image.ts';

const TAG = 'latest';
const SERVED = { outcome: 'HIT', upstream: undefined } as const;

/** The registry of reserved names: each has one image, from memory. Nothing is stored, and no upstream is called. */
export const VERIFY_REGISTRY: Registry = {
  ...refuseWrites((repository) => `${repository} is reserved for \`layover setup --verify\``),
  async resolveManifest(_repository, reference) {
    const { mediaType, digest, size } = manifestOf(reference);
    return { mediaType, digest, size, ...SERVED };
  },
  async getManifest(_repository, reference) {
    return { ...manifestOf(reference), ...SERVED };
  },
  async resolveBlob(_repository, digest) {
    return { ...describe(digest, bytesOf(digest)), ...SERVED };
  },
  async openBlob(_repository, digest) {
    const bytes = bytesOf(digest);
    return { ...describe(digest, bytes), source: new MemorySource(bytes), ...SERVED };
  },
  redirectBlob: () => undefined,
  async listTags(_repository, page) {
    return { ...pageOf([TAG], page), ...SERVED };
  },
  async listReferrers() {
    return { manifests: [], next: undefined, ...SERVED };
  },
  async listRepositories() {
    return { entries: [], next: undefined };
  },
};

function manifestOf(reference: Reference): Manifest {
  const { index, manifests } = VERIFY_IMAGE;
  const found = reference.kind === 'tag' ? reference.tag === TAG && index : manifests.get(reference.digest);
  if (!found) throw new RegistryError('MANIFEST_UNKNOWN', 'the image for verification has the tag latest alone');
  return found;
}

function bytesOf(digest: Digest): Buffer {
  const bytes = VERIFY_IMAGE.blobs.get(digest) ?? VERIFY_IMAGE.manifests.get(digest)?.bytes;
  if (!bytes) throw new RegistryError('BLOB_UNKNOWN', 'blob unknown to the image for verification');
  return bytes;
}

function describe(digest: Digest, { length }: Buffer): Descriptor {
  return { mediaType: OCTET_STREAM, digest, size: length };
}
