import { digestOf } from '../../src/oci/digest.ts';
import { OCI_MANIFEST } from '../../src/oci/media-types.ts';

export type Bytes = Uint8Array<ArrayBuffer>;

export const bytesOf = (text: string): Bytes => new Uint8Array(Buffer.from(text));
export const jsonBytes = (value: unknown): Bytes => bytesOf(JSON.stringify(value));

export const LAYER = bytesOf('a layer of a few bytes');
export const SECOND_LAYER = bytesOf('another layer');
export const CONFIG = jsonBytes({ architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [] } });
export const NEVER_PUSHED = digestOf(bytesOf('nobody pushes this'));

export function descriptor(bytes: Bytes, mediaType: string) {
  return { mediaType, digest: digestOf(bytes), size: bytes.length };
}

/** An OCI image of a config and two layers, with more keys or others. */
export function imageManifest(more: object = {}): { readonly parts: readonly Bytes[]; readonly bytes: Bytes } {
  const bytes = jsonBytes({
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: descriptor(CONFIG, 'application/vnd.oci.image.config.v1+json'),
    layers: [LAYER, SECOND_LAYER].map((layer) => descriptor(layer, 'application/vnd.oci.image.layer.v1.tar')),
    ...more,
  });
  return { parts: [CONFIG, LAYER, SECOND_LAYER], bytes };
}
