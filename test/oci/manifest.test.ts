import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { digestOf } from '../../src/oci/digest.ts';
import { RegistryError } from '../../src/oci/errors.ts';
import { parseManifest } from '../../src/oci/manifest.ts';
import * as types from '../../src/oci/media-types.ts';

const digest = digestOf(Buffer.from('x'));
const other = digestOf(Buffer.from('y'), 'sha512');
const config = { mediaType: 'application/vnd.oci.image.config.v1+json', digest, size: 7 };
const layer = { mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', digest: other, size: 0 };
const image = { schemaVersion: 2, config, layers: [layer] };
const platform = { os: 'linux', architecture: 'arm', variant: 'v7' };
const index = { schemaVersion: 2, manifests: [{ mediaType: types.OCI_MANIFEST, digest, size: 9, platform }] };

const parse = (value: unknown) => parseManifest(Buffer.from(JSON.stringify(value)));

describe('a manifest', () => {
  it.each([
    [types.OCI_MANIFEST, image],
    [types.OCI_INDEX, index],
    [types.DOCKER_SCHEMA1, { schemaVersion: 1, fsLayers: [] }],
    [types.DOCKER_SCHEMA1_SIGNED, { schemaVersion: 1, fsLayers: [], signatures: [{}] }],
  ])('without a media type is a %s when it has its fields', (mediaType, value) => {
    expect(parse(value).mediaType).toBe(mediaType);
    expect(parse({ ...value, mediaType: '' }).mediaType).toBe(mediaType);
  });

  it.each([types.OCI_MANIFEST, types.DOCKER_MANIFEST, 'application/vnd.example.image+json'])(
    'for one platform with media type %s refers to its config and layers',
    (mediaType) => {
      const { references, ...rest } = parse({ ...image, mediaType });
      expect(references).toEqual([
        { ...config, kind: 'config' },
        { ...layer, kind: 'layer' },
      ]);
      expect(rest).toEqual({ mediaType, artifactType: config.mediaType });
    },
  );

  it.each([types.OCI_INDEX, types.DOCKER_MANIFEST_LIST])('with media type %s refers to manifests', (mediaType) => {
    const references = [{ mediaType: types.OCI_MANIFEST, digest, size: 9, platform, kind: 'manifest' }];
    expect(parse({ ...index, mediaType })).toEqual({ mediaType, references });
  });

  it('of schema 1 refers to its layers, without sizes', () => {
    const references = [{ mediaType: 'application/octet-stream', digest, size: 0, kind: 'layer' }];
    expect(parse({ schemaVersion: 1, fsLayers: [{ blobSum: digest }] }).references).toEqual(references);
  });

  it('of the withdrawn artifact type refers to its blobs', () => {
    const mediaType = types.OCI_ARTIFACT_MANIFEST;
    expect(parse({ mediaType, artifactType: 'a/b', blobs: [layer] })).toEqual({
      mediaType,
      artifactType: 'a/b',
      references: [{ ...layer, kind: 'layer' }],
    });
    expect(parse({ mediaType }).references).toEqual([]);
  });

  it('has a subject, annotations, and its own artifact type instead of that of the config', () => {
    const extra = {
      subject: { ...config, digest: other },
      annotations: { a: 'b', ['__proto__']: 'c' },
      artifactType: 'x/y',
    };
    expect(parse({ ...image, ...extra })).toMatchObject(extra);
    expect(parse({ ...index, ...extra })).toMatchObject(extra);
  });

  it('that is an index has no artifact type unless it is set', () => {
    expect(parse(index)).not.toHaveProperty('artifactType');
  });

  it('treats null as absent', () => {
    const nothing = { subject: null, annotations: null, artifactType: null, mediaType: null };
    expect(parse({ ...image, ...nothing })).toEqual(parse(image));
  });

  it.each([
    ['an image', types.OCI_MANIFEST, { config, layers: null }],
    ['an image', types.OCI_MANIFEST, { config }],
    ['an index', types.OCI_INDEX, { manifests: null }],
    ['an index', types.OCI_INDEX, { mediaType: types.OCI_INDEX }],
    ['an index', types.DOCKER_MANIFEST_LIST, { mediaType: types.DOCKER_MANIFEST_LIST, manifests: null }],
  ])('that is %s without entries, as Go writes it, has none: %s', (_, mediaType, value) => {
    const { references, ...rest } = parse({ schemaVersion: 2, ...value });
    expect(rest.mediaType).toBe(mediaType);
    expect(references.filter(({ kind }) => kind !== 'config')).toEqual([]);
  });

  it.each([
    ['not JSON', '{'],
    ['empty', ''],
    ['null', 'null'],
    ['a list', '[]'],
    ['a string', '"x"'],
    ['an empty object', '{}'],
    ['very deep', '['.repeat(100_000)],
    ['an image and an index at once', JSON.stringify({ ...image, ...index })],
    ['an index with the media type of an image', JSON.stringify({ ...index, mediaType: types.OCI_MANIFEST })],
    ['an image with the media type of an index', JSON.stringify({ ...image, mediaType: types.DOCKER_MANIFEST_LIST })],
    ['an image without config', JSON.stringify({ layers: [layer] })],
    ['a layer without digest', JSON.stringify({ config, layers: [{ size: 1 }] })],
    ['a digest in upper case', JSON.stringify({ config: { ...config, digest: digest.toUpperCase() }, layers: [] })],
    ['a negative size', JSON.stringify({ config: { ...config, size: -1 }, layers: [] })],
    ['a size that is a string', JSON.stringify({ config: { ...config, size: '1' }, layers: [] })],
    ['a subject that is not a descriptor', JSON.stringify({ ...image, subject: 'x' })],
    ['an annotation that is a number', JSON.stringify({ ...image, annotations: { a: 1 } })],
    ['a media type that is a number', JSON.stringify({ ...image, mediaType: 1 })],
  ])('is rejected when it is %s', (_, text) => {
    expect(() => parseManifest(Buffer.from(text))).toThrow(expect.objectContaining({ code: 'MANIFEST_INVALID' }));
  });

  it('is parsed or rejected, for random JSON', () => {
    const keys = [
      'schemaVersion',
      'mediaType',
      'config',
      'layers',
      'manifests',
      'blobs',
      'fsLayers',
      'subject',
      'annotations',
      'digest',
      'size',
      'platform',
      'artifactType',
    ];
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom(digest, 1, 2, null, '', ...types.MANIFEST_MEDIA_TYPES),
        tie('object'),
        fc.array(tie('tree')),
      ),
      object: fc.dictionary(fc.constantFrom(...keys), tie('tree')),
    }));
    fc.assert(
      fc.property(fc.oneof(tree, fc.jsonValue()), (value) => {
        expectParsedOrRefused(Buffer.from(JSON.stringify(value)));
      }),
      { numRuns: 2000 },
    );
    fc.assert(fc.property(fc.uint8Array(), (bytes) => expectParsedOrRefused(bytes)));
  });
});

function expectParsedOrRefused(bytes: Uint8Array): void {
  try {
    const { mediaType, references } = parseManifest(bytes);
    expect(mediaType).not.toBe('');
    for (const each of references) expect(each.digest).toBe(digest);
  } catch (err) {
    expect(err).toBeInstanceOf(RegistryError);
    expect(err).toMatchObject({ code: 'MANIFEST_INVALID' });
  }
}
