import { randomBytes } from 'node:crypto';

import { type Digest, digestOf } from '../../src/oci/digest.ts';
import { OCI_INDEX, OCI_MANIFEST } from '../../src/oci/media-types.ts';

export interface Fixture {
  readonly blobs: readonly Bytes[];
  readonly manifests: readonly (Bytes & { readonly mediaType: string; readonly tag?: string })[];
}

export interface Bytes {
  readonly digest: Digest;
  readonly bytes: Buffer;
}

export function withDigest(bytes: Buffer): Bytes {
  return { bytes, digest: digestOf(bytes) };
}

/** Formatted unlike any serialiser would, so that re-serialising would show. */
export function jsonBytes(value: unknown): Bytes {
  return withDigest(Buffer.from(`${JSON.stringify(value, null, 3)}\n`));
}

export function descriptor({ digest, bytes }: Bytes, mediaType: string) {
  return { mediaType, digest, size: bytes.length };
}

/** An image of two platforms, tagged `latest` (the index) and `V1.0-Amd64` (one image), with an empty layer among others. */
export function imageFixture(): Fixture {
  const layers = [withDigest(randomBytes(300_000)), withDigest(Buffer.alloc(0))];
  const images = ['amd64', 'arm64'].map((architecture) => {
    const config = jsonBytes({ architecture, os: 'linux', rootfs: { type: 'layers', diff_ids: [] } });
    const manifest = jsonBytes({
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      config: descriptor(config, 'application/vnd.oci.image.config.v1+json'),
      layers: layers.map((layer) => descriptor(layer, 'application/vnd.oci.image.layer.v1.tar')),
    });
    return { architecture, config, manifest };
  });
  const index = jsonBytes({
    schemaVersion: 2,
    mediaType: OCI_INDEX,
    manifests: images.map(({ architecture, manifest }) => ({
      ...descriptor(manifest, OCI_MANIFEST),
      platform: { architecture, os: 'linux' },
    })),
  });
  return {
    blobs: [...layers, ...images.map(({ config }) => config)],
    manifests: [
      ...images.map(({ manifest, architecture }) => ({
        ...manifest,
        mediaType: OCI_MANIFEST,
        ...(architecture === 'amd64' && { tag: 'V1.0-Amd64' }),
      })),
      { ...index, mediaType: OCI_INDEX, tag: 'latest' },
    ],
  };
}
