import { describe, expect, it } from 'vitest';

import { digestOf } from '../../src/oci/digest.ts';
import { readManifest } from '../../src/oci/manifest.ts';
import {
  DOCKER_MANIFEST,
  DOCKER_MANIFEST_LIST,
  OCI_ARTIFACT_MANIFEST,
  OCI_INDEX,
  OCI_MANIFEST,
} from '../../src/oci/media-types.ts';
import { provenBlobs } from '../../src/oci/possession.ts';

const own = digestOf(Buffer.from('own'));
const secret = digestOf(Buffer.from('secret'));
const config = { mediaType: 'application/vnd.oci.image.config.v1+json', digest: own, size: 1 };
const layer = { mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', digest: secret, size: 1 };
const foreign = 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip';

const image = (more: object = {}) => ({ schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers: [], ...more });
const proven = (value: unknown, servedAs: string = OCI_MANIFEST) =>
  provenBlobs(readManifest(Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))), servedAs);

describe('that a repository accepted a manifest', () => {
  it.each([
    [OCI_MANIFEST, layer.mediaType],
    [OCI_MANIFEST, 'application/vnd.oci.image.layer.v1.tar+zstd'],
    [DOCKER_MANIFEST, 'application/vnd.docker.image.rootfs.diff.tar.gzip'],
  ])('proves for a %s that it has the config, and a layer that is a %s', (mediaType, layerType) => {
    expect(proven(image({ mediaType, layers: [{ ...layer, mediaType: layerType }] }), mediaType)).toEqual([
      own,
      secret,
    ]);
  });

  it.each<[string, unknown]>([
    ['a foreign layer', image({ layers: [{ ...layer, mediaType: foreign, urls: ['https://example.com/x'] }] })],
    ['a foreign layer without URLs', image({ layers: [{ ...layer, mediaType: foreign }] })],
    ['a foreign layer in upper case', image({ layers: [{ ...layer, mediaType: foreign.toUpperCase() }] })],
    ...['', '+gzip', '+zstd', '+other'].map((ending): [string, unknown] => [
      `a non-distributable layer (${ending})`,
      image({ layers: [{ ...layer, mediaType: `application/vnd.oci.image.layer.nondistributable.v1.tar${ending}` }] }),
    ]),
    ['a layer of a type that is not known', image({ layers: [{ ...layer, mediaType: 'application/vnd.example' }] })],
    ['a layer without a type', image({ layers: [{ digest: secret, size: 1 }] })],
    ['a type with parameters', image({ layers: [{ ...layer, mediaType: `${layer.mediaType}; a=b` }] })],
    ['a layer that can be had elsewhere', image({ layers: [{ ...layer, urls: ['https://example.com/x'] }] })],
    ['a layer with an empty list of URLs', image({ layers: [{ ...layer, urls: [] }] })],
    ['a layer that is embedded in the manifest', image({ layers: [{ ...layer, data: 'eA==' }] })],
    ['a config of an unknown type', image({ config: { ...config, mediaType: 'x/y', digest: secret } })],
    [
      'an empty descriptor',
      image({ config: { mediaType: 'application/vnd.oci.empty.v1+json', digest: secret, size: 2 } }),
    ],
    ['its subject', image({ subject: { mediaType: OCI_MANIFEST, digest: secret, size: 1 } })],
    ['blobs of an image', image({ blobs: [layer] })],
    ['manifests of an image', image({ manifests: [{ ...layer, mediaType: OCI_MANIFEST }] })],
  ])('does not prove that it has %s', (_, value) => {
    expect(proven(value)).not.toContain(secret);
  });

  it.each<[string, unknown, string?]>([
    ['an index', { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [layer] }, OCI_INDEX],
    ['a list', { schemaVersion: 2, mediaType: DOCKER_MANIFEST_LIST, manifests: [layer] }, DOCKER_MANIFEST_LIST],
    ['an artifact', { mediaType: OCI_ARTIFACT_MANIFEST, blobs: [layer] }, OCI_ARTIFACT_MANIFEST],
    [
      'schema 1',
      { schemaVersion: 1, fsLayers: [{ blobSum: secret }] },
      'application/vnd.docker.distribution.manifest.v1+json',
    ],
    [
      'an unknown kind',
      image({ mediaType: 'application/vnd.example+json', layers: [layer] }),
      'application/vnd.example+json',
    ],
    ['an image without a media type', image({ mediaType: undefined, layers: [layer] })],
    ['an image that is served as something else', image({ layers: [layer] }), 'application/octet-stream'],
    ['an image that is served with another media type', image({ layers: [layer] }), DOCKER_MANIFEST],
    ['an image with the media type of an index', image({ mediaType: OCI_INDEX, layers: [layer] }), OCI_INDEX],
    ['one with a layer that has no size', image({ layers: [layer, { ...layer, size: undefined }] })],
    ['one with a layer of an unknown digest algorithm', image({ layers: [layer, { ...layer, digest: 'blake3:00' }] })],
    ['one with duplicate keys', `{"layers":[],${JSON.stringify(image({ layers: [layer] })).slice(1)}`],
    ['one with keys in another case', JSON.stringify(image({ layers: [layer] })).replace('"layers"', '"Layers"')],
    ['one with too many layers', image({ layers: Array.from({ length: 1000 }, () => layer) })],
  ])('proves nothing when it is %s', (_, value, servedAs) => {
    expect(proven(value, servedAs)).toEqual([]);
  });
});
