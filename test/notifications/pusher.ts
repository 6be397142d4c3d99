import { createHash } from 'node:crypto';

import { OCI_MANIFEST } from '../../src/oci/media-types.ts';
import { descriptor, jsonBytes, withDigest } from '../content/image-fixture.ts';

/** The requests of a small push. */
export function smallImage(seed: string) {
  const layer = withDigest(createHash('sha512').update(seed).digest());
  const config = jsonBytes({ architecture: 'amd64', os: 'linux', seed });
  const manifest = jsonBytes({
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: descriptor(config, 'application/vnd.oci.image.config.v1+json'),
    layers: [descriptor(layer, 'application/vnd.oci.image.layer.v1.tar')],
  });
  return { blobs: [layer, config], manifests: [{ ...manifest, mediaType: OCI_MANIFEST, tag: seed }] };
}

/** One request that ends in one event. @throws {Error} when it fails */
export async function pushBlob(url: string, repository: string, text: string): Promise<string> {
  const { digest, bytes } = withDigest(Buffer.from(text));
  const answer = await fetch(`${url}/v2/${repository}/blobs/uploads/?digest=${digest}`, {
    method: 'POST',
    body: bytes,
    headers: { 'content-type': 'application/octet-stream' },
  });
  if (answer.status !== 201) throw new Error(`${answer.status}: ${await answer.text()}`);
  return digest;
}
