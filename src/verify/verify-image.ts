import type { Descriptor } from '../oci/descriptor.ts';
import { type Digest, digestOf } from '../oci/digest.ts';
import { OCI_INDEX, OCI_MANIFEST } from '../oci/media-types.ts';
import type { Manifest } from '../registry/registry.ts';

/** A tar archive with one text, compressed. The bytes are kept because versions of zlib compress differently. */
const LAYER = Buffer.from(
  'H4sIAAAAAAACA+3S4QYDMQwA4P7eU+QFVu0pe4nZr71AnPRaVqHNZn37xY2Z/T7j6EckEhWhN+z8oHrUyLFbeYrZnFMhhDWr3+y895967fvp' +
    'NDkDzvzBvQlWXb/Fkd/H7cQ15Qa54EIwc6EGsXIBSQSFCtcOHAHh/P4lMOOcyMKFodKSm+g8ob4XezDDMAzDnrwAGvZ3jgAIAAA=',
  'base64',
);
/** Of the archive before compression. */
const DIFF_ID = 'sha256:7e1c43106dbf7380b3b8dd9ebfa0916e5edaae4b87422a4955fdb106fcd7f3f6';

/** Clients refuse an index without their own platform. */
const PLATFORMS = [
  { architecture: 'amd64', os: 'linux' },
  { architecture: 'arm64', os: 'linux', variant: 'v8' },
  { architecture: 'arm', os: 'linux', variant: 'v7' },
  { architecture: 'arm', os: 'linux', variant: 'v6' },
  { architecture: '386', os: 'linux' },
  { architecture: 'ppc64le', os: 'linux' },
  { architecture: 'riscv64', os: 'linux' },
  { architecture: 's390x', os: 'linux' },
];

const manifests = new Map<Digest, Manifest>();
const blobs = new Map<Digest, Buffer>();
const layer = addBlob(LAYER, 'application/vnd.oci.image.layer.v1.tar+gzip');

/** The image of the reserved names: an index with a manifest for each platform, which share one layer. */
export const VERIFY_IMAGE = {
  index: addManifest(OCI_INDEX, {
    manifests: PLATFORMS.map((platform) => ({ ...descriptorOf(addPlatform(platform)), platform })),
  }),
  manifests: manifests as ReadonlyMap<Digest, Manifest>,
  blobs: blobs as ReadonlyMap<Digest, Buffer>,
};

/** Its digest. No registry has an image with it below a name that is chosen at random. */
export const VERIFY_DIGEST = VERIFY_IMAGE.index.digest;

function addPlatform(platform: object): Manifest {
  const config = addBlob(
    jsonOf({ ...platform, config: {}, rootfs: { type: 'layers', diff_ids: [DIFF_ID] } }),
    'application/vnd.oci.image.config.v1+json',
  );
  return addManifest(OCI_MANIFEST, { config, layers: [layer] });
}

function addBlob(bytes: Buffer, mediaType: string): Descriptor {
  const digest = digestOf(bytes);
  blobs.set(digest, bytes);
  return { mediaType, digest, size: bytes.length };
}

function addManifest(mediaType: string, content: object): Manifest {
  const bytes = jsonOf({ schemaVersion: 2, mediaType, ...content });
  const manifest = { mediaType, digest: digestOf(bytes), size: bytes.length, bytes };
  manifests.set(manifest.digest, manifest);
  return manifest;
}

function descriptorOf({ mediaType, digest, size }: Manifest): Descriptor {
  return { mediaType, digest, size };
}

function jsonOf(value: object): Buffer {
  return Buffer.from(JSON.stringify(value));
}
