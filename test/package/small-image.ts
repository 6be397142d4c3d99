import { randomBytes } from 'node:crypto';

import { digestOf } from '../../src/oci/digest.ts';
import { OCI_MANIFEST } from '../../src/oci/media-types.ts';
import type { Pushed, PushedImage } from '../support/push.ts';

/** An image of one layer of random bytes: registries do not look into layers. */
export function smallImage(): PushedImage {
  const config = toPushed(
    Buffer.from(JSON.stringify({ architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [] } })),
  );
  const layer = toPushed(randomBytes(100_000));
  const manifest = {
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: describe('application/vnd.oci.image.config.v1+json', config),
    layers: [describe('application/vnd.oci.image.layer.v1.tar', layer)],
  };
  return { ...toPushed(Buffer.from(JSON.stringify(manifest))), blobs: [config, layer] };
}

function toPushed(bytes: Buffer): Pushed {
  return { digest: digestOf(bytes), bytes };
}

function describe(mediaType: string, { digest, bytes }: Pushed) {
  return { mediaType, digest, size: bytes.length };
}

/** Pushes with requests that every registry supports. @param url without a slash at its end */
export async function pushImage(
  url: string,
  { repository, tag }: { readonly repository: string; readonly tag: string },
  image: PushedImage,
): Promise<void> {
  for (const { digest, bytes } of image.blobs) {
    const started = await fetch(`${url}/v2/${repository}/blobs/uploads/`, { method: 'POST' });
    const upload = new URL(started.headers.get('location') ?? '', url);
    upload.searchParams.set('digest', digest);
    await put(upload, bytes, 'application/octet-stream');
  }
  await put(new URL(`${url}/v2/${repository}/manifests/${tag}`), image.bytes, OCI_MANIFEST);
}

async function put(url: URL, body: Uint8Array, type: string): Promise<void> {
  const { status } = await fetch(url, { method: 'PUT', body, headers: { 'content-type': type } });
  if (status !== 201) throw new Error(`PUT ${url.href}: ${status}`);
}
