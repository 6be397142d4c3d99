import { gunzipSync } from 'node:zlib';

import { type Digest, digestAlgorithm, digestOf } from '../../src/oci/digest.ts';
import { ACCEPT_MANIFESTS } from '../support/media-types.ts';

interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
}

interface AnyManifest {
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly manifests?: readonly Descriptor[];
}

/** What stays the same whichever way a client compresses layers and writes manifests. */
export interface ImageContent {
  readonly config: Digest;
  /** Of the layers when they are unpacked, as the configuration lists them. */
  readonly diffIds: readonly Digest[];
}

/**
 * Fetches an image, or all images of an index, to the last byte.
 *
 * @param name with registry and tag or digest
 * @throws {Error} when something is not there, or has not the digest by which it was asked for
 */
export async function readImages(
  name: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<readonly ImageContent[]> {
  const [, registry = '', repository = '', reference = ''] = /^([^/]+)\/(.+?)[:@]([^/]+)$/.exec(name) ?? [];
  const base = `http://${registry}/v2/${repository}`;
  const manifest = JSON.parse(String(await get(`${base}/manifests/${reference}`, reference, headers))) as AnyManifest;
  if (manifest.manifests) {
    const images = manifest.manifests.map(({ digest }) => readImages(`${registry}/${repository}@${digest}`, headers));
    return (await Promise.all(images)).flat();
  }
  const blob = (digest: Digest) => get(`${base}/blobs/${digest}`, digest, headers);
  await blob(manifest.config.digest);
  const diffIds = manifest.layers.map(async ({ digest }) => digestOf(unpacked(await blob(digest))));
  return [{ config: manifest.config.digest, diffIds: await Promise.all(diffIds) }];
}

async function get(url: string, reference: string, headers: Readonly<Record<string, string>>): Promise<Buffer> {
  const answer = await fetch(url, { headers: { ...headers, accept: ACCEPT_MANIFESTS } });
  const bytes = Buffer.from(await answer.arrayBuffer());
  if (!answer.ok) throw new Error(`${answer.status}: ${url}: ${bytes.toString()}`);
  if (reference.includes(':')) {
    const actual = digestOf(bytes, digestAlgorithm(reference as Digest));
    if (actual !== reference) throw new Error(`${url} is ${actual}`);
  }
  return bytes;
}

function unpacked(layer: Buffer): Buffer {
  const isGzip = layer[0] === 0x1f && layer[1] === 0x8b;
  return isGzip ? gunzipSync(layer) : layer;
}
