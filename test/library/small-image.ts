import { digestOf } from '../../src/oci/digest.ts';
import { OCI_MANIFEST } from '../../src/oci/media-types.ts';
import type { Registry } from '../../src/registry/registry.ts';

const CONFIG = Buffer.from('{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}');
const CONFIG_TYPE = 'application/vnd.oci.image.config.v1+json';
const LAYER = Buffer.from('a layer of a few bytes');
const LAYER_TYPE = 'application/vnd.oci.image.layer.v1.tar';

export const LAYER_DIGEST = digestOf(LAYER);

/** Pushes an image of a few bytes through the registry's own interface. @returns its manifest */
export async function pushSmallImage(registry: Registry, repository: string, tag: string) {
  for (const blob of [CONFIG, LAYER]) await pushBlob(registry, repository, blob);
  const describe = (bytes: Buffer, mediaType: string) => ({ mediaType, size: bytes.length, digest: digestOf(bytes) });
  const manifest = {
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: describe(CONFIG, CONFIG_TYPE),
    layers: [describe(LAYER, LAYER_TYPE)],
  };
  const bytes = Buffer.from(JSON.stringify(manifest));
  return registry.putManifest(repository, { bytes, mediaType: OCI_MANIFEST, reference: { kind: 'tag', tag }, tags: [] });
}

async function pushBlob({ uploads }: Registry, repository: string, blob: Buffer): Promise<void> {
  const session = await uploads.start(repository, 'sha256');
  const body = { bytes: chunksOf(blob), offset: undefined, length: blob.length };
  await uploads.finish(repository, session, { ...body, digest: digestOf(blob) });
}

async function* chunksOf(blob: Buffer): AsyncGenerator<Uint8Array> {
  yield blob;
}
