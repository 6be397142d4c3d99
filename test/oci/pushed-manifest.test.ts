import { describe, expect, it } from 'vitest';

import { digestOf } from '../../src/oci/digest.ts';
import { RegistryError } from '../../src/oci/errors.ts';
import {
  DOCKER_MANIFEST,
  DOCKER_MANIFEST_LIST,
  OCI_ARTIFACT_MANIFEST,
  OCI_INDEX,
  OCI_MANIFEST,
} from '../../src/oci/media-types.ts';
import { parsePushedManifest } from '../../src/oci/pushed-manifest.ts';

const digest = digestOf(Buffer.from('x'));
const config = { mediaType: 'application/vnd.oci.image.config.v1+json', digest, size: 1 };
const image = { schemaVersion: 2, config, layers: [] };
const index = { schemaVersion: 2, manifests: [] };

const push = (value: unknown, contentType?: string) =>
  parsePushedManifest(Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)), contentType);

function refusal(value: unknown, contentType?: string): string {
  try {
    push(value, contentType);
  } catch (err) {
    if (err instanceof RegistryError && err.code === 'MANIFEST_INVALID') return err.message;
    throw err;
  }
  return 'taken';
}

describe('a pushed manifest', () => {
  it.each([
    [OCI_MANIFEST, { ...image, mediaType: OCI_MANIFEST }],
    [OCI_MANIFEST, image],
    [OCI_INDEX, { ...index, mediaType: OCI_INDEX }],
    [OCI_INDEX, index],
    [DOCKER_MANIFEST, { ...image, mediaType: DOCKER_MANIFEST }],
    [DOCKER_MANIFEST_LIST, { ...index, mediaType: DOCKER_MANIFEST_LIST }],
    [OCI_ARTIFACT_MANIFEST, { mediaType: OCI_ARTIFACT_MANIFEST, artifactType: 'a/b', blobs: [] }],
    ['application/vnd.example.thing.v1+json', { ...image, mediaType: 'application/vnd.example.thing.v1+json' }],
    ['application/example+json', { ...index, mediaType: 'application/example+json' }],
  ])('can be a %s, with or without a Content-Type', (mediaType, value) => {
    expect(push(value).mediaType).toBe(mediaType);
    expect(push(value, mediaType).mediaType).toBe(mediaType);
  });

  it.each([
    [
      'does not match the Content-Type',
      { ...image, mediaType: OCI_MANIFEST },
      DOCKER_MANIFEST,
      /Content-Type is "application\/vnd\.docker/,
    ],
    ["is Docker's without a mediaType", image, DOCKER_MANIFEST, /has no mediaType/],
    ['is not JSON', 'x', OCI_MANIFEST, /not JSON/],
    ['is not an object', '[]', OCI_MANIFEST, /object/],
    ['is empty', '', OCI_MANIFEST, /not JSON/],
    ['could be of two kinds (CVE-2021-41190)', { ...image, ...index }, undefined, /both an index and an image/],
    [
      'is an image with the mediaType of an index',
      { ...image, mediaType: OCI_INDEX },
      OCI_INDEX,
      /its fields do not match/,
    ],
    ['is neither', { schemaVersion: 2 }, OCI_MANIFEST, /neither an index nor an image/],
    ['has no schemaVersion', { config, layers: [] }, OCI_MANIFEST, /schemaVersion/],
    ['has another schemaVersion', { ...image, schemaVersion: 3 }, OCI_MANIFEST, /schemaVersion/],
    ['is of schema 1', { schemaVersion: 1, fsLayers: [] }, undefined, /schema 1/],
    [
      'has a type that browsers render',
      { ...image, mediaType: 'text/html' },
      'text/html',
      /is not a manifest media type/,
    ],
    [
      'has a type that breaks the Content-Type header',
      { ...image, mediaType: 'application/vnd.a\r\nx: y' },
      undefined,
      /is not a manifest media type/,
    ],
    ['has an invalid subject', { ...image, subject: { digest: 'x' } }, OCI_MANIFEST, /digest/],
    ['has invalid URLs', { ...image, layers: [{ ...config, urls: [1] }] }, OCI_MANIFEST, /URL/],
  ])('is rejected when it %s', (_, value, contentType, reason) => {
    expect(refusal(value, contentType)).toMatch(reason);
  });

  it.each([
    ['twice', '"layers":[],"layers":[]', /"layers" appears twice/],
    ['twice, in another case', '"layers":[],"Layers":[]', /only some clients read "Layers" as "layers"/],
    ['in another case only', '"LAYERS":[]', /only some clients read "LAYERS" as "layers"/],
    ['twice in an unknown field', '"layers":[],"x":{"y":1,"y":2}', /"y" appears twice/],
    ['twice among the annotations', '"layers":[],"annotations":{"a":"","a":""}', /"a" appears twice/],
  ])('is rejected when it has a key %s, because clients read it differently', (_, members, reason) => {
    const text = JSON.stringify(image).replace('"layers":[]', members);
    expect(refusal(text, OCI_MANIFEST)).toMatch(reason);
  });

  it('has a reason of at most one line', () => {
    const long = 'x'.repeat(100_000);
    for (const value of [
      { ...image, mediaType: long },
      { ...index, mediaType: `${OCI_MANIFEST}${long}` },
      { ...image, [long]: 1, [long.toUpperCase()]: 1 },
      { ...image, layers: [{ ...config, digest: long }] },
    ]) {
      expect(refusal(value).length).toBeLessThan(500);
      expect(refusal(value, long).length).toBeLessThan(500);
    }
  });

  it('may have a Content-Type in another case', () => {
    expect(push(image, OCI_MANIFEST.toUpperCase()).mediaType).toBe(OCI_MANIFEST);
  });
});
