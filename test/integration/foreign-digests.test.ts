import { describe, expect, it } from 'vitest';

import { digestOf } from '../../src/oci/digest.ts';
import {
  DOCKER_MANIFEST,
  NON_DISTRIBUTABLE_LAYERS,
  OCI_ARTIFACT_MANIFEST,
  OCI_INDEX,
  OCI_MANIFEST,
} from '../../src/oci/media-types.ts';
import { layerLinkPath } from '../../src/content/paths.ts';
import { filesBelow } from '../support/data-directory.ts';
import { Layover } from '../support/layover.ts';
import { startManifestUpstream } from './manifest-upstream.ts';
import { errorCode, pull } from './pulling.ts';

const secret = Buffer.from('a layer of a private repository');
const own = Buffer.from('{}');
const config = { mediaType: 'application/vnd.oci.image.config.v1+json', digest: digestOf(own), size: own.length };
const layer = { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: digestOf(secret), size: secret.length };
const image = { schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers: [] };
const named = { ...layer, mediaType: 'application/vnd.example.unknown' };

/** Manifests that a registry takes although it has not what they name. */
const WAYS: Readonly<Record<string, { readonly label: string; readonly text: string }>> = {
  ...Object.fromEntries(
    NON_DISTRIBUTABLE_LAYERS.flatMap((mediaType, i) => [
      [`foreign-${i}`, way({ ...image, layers: [{ ...layer, mediaType, urls: ['https://example.com/x'] }] })],
      [`foreign-upper-${i}`, way({ ...image, layers: [{ ...layer, mediaType: mediaType.toUpperCase() }] })],
    ]),
  ),
  urls: way({ ...image, layers: [{ ...layer, urls: ['https://example.com/x'] }] }),
  embedded: way({ ...image, layers: [{ ...layer, data: secret.toString('base64') }] }),
  unknown: way({ ...image, layers: [named] }),
  config: way({ ...image, config: { ...named, mediaType: 'application/vnd.oci.empty.v1+json' } }),
  subject: way({ ...image, subject: { ...layer, mediaType: OCI_MANIFEST } }),
  index: way({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [{ ...layer, mediaType: OCI_MANIFEST }] }, OCI_INDEX),
  'index-of-blobs': way({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [layer] }, OCI_INDEX),
  artifact: way({ mediaType: OCI_ARTIFACT_MANIFEST, blobs: [layer] }, OCI_ARTIFACT_MANIFEST),
  'own-kind': way({ ...image, mediaType: 'application/vnd.example+json', layers: [layer] }, OCI_MANIFEST),
  'other-label': way({ ...image, layers: [layer] }, DOCKER_MANIFEST),
  folded: { label: OCI_MANIFEST, text: JSON.stringify({ ...image, layers: [layer] }).replace('"layers"', '"Layers"') },
  twice: { label: OCI_MANIFEST, text: JSON.stringify({ ...image, layers: [layer] }).replace(/}$/, ',"layers":[]}') },
};

function way(value: object, label = OCI_MANIFEST) {
  return { label, text: JSON.stringify(value) };
}

const upstreamOf = (name: string, remoteurl: string) => ({ name, remoteurl });

describe('a digest that another upstream has', () => {
  it('is not read by the name of a repository that only names it in a manifest', async () => {
    const manifests = new Map(
      Object.entries(WAYS).map(([tag, { label, text }]) => [tag, { label, bytes: Buffer.from(text) }]),
    );
    await using hub = await startManifestUpstream(manifests);
    await using corp = await startManifestUpstream(new Map(), new Map([[layer.digest, secret]]));
    const upstreams = [upstreamOf('hub.example', hub.url), upstreamOf('corp.example', corp.url)];
    await using layover = await Layover.start({ config: { proxy: { upstreams } } });
    const stored = await pull(`${layover.url}/v2/corp.example/secret/prod/blobs/${layer.digest}`);
    expect(stored).toMatchObject({ status: 200, digest: layer.digest });
    await layover.settled();

    for (const tag of Object.keys(WAYS)) {
      const url = `${layover.url}/v2/hub.example/mallory/${tag}`;
      // Also as it is after a restart, when it comes from the storage.
      expect({ tag, status: (await pull(`${url}/manifests/${tag}`)).status }).toEqual({ tag, status: 200 });
      expect((await pull(`${url}/manifests/${tag}`)).headers['x-cache']).toBe('HIT');
      hub.lines.length = 0;
      const refused = await pull(`${url}/blobs/${layer.digest}`);
      expect({ tag, status: refused.status, code: errorCode(refused) }).toEqual({
        tag,
        status: 404,
        code: 'BLOB_UNKNOWN',
      });
      expect(hub.lines).toContain(`HEAD /v2/mallory/${tag}/blobs/${layer.digest}`);
      expect(hub.lines.some((line) => line.startsWith('GET'))).toBe(false);
    }

    await layover.restart();
    for (const tag of Object.keys(WAYS)) {
      const url = `${layover.url}/v2/hub.example/mallory/${tag}`;
      expect((await pull(`${url}/manifests/${tag}`)).status).toBe(200);
      expect({ tag, status: (await pull(`${url}/blobs/${layer.digest}`)).status }).toEqual({ tag, status: 404 });
    }
    const files = await filesBelow(layover.dataDirectory);
    const link = layerLinkPath('corp.example/secret/prod', layer.digest);
    expect(files.filter((path) => path.includes('_layers') && path.includes(layer.digest.slice(7)))).toEqual([
      `${layover.dataDirectory}${link}`,
    ]);
  });
});
