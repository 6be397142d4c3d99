import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { digestOf } from '../../../src/oci/digest.ts';
import { DOCKER_MANIFEST, MANIFEST_MEDIA_TYPES, OCI_INDEX, OCI_MANIFEST } from '../../../src/oci/media-types.ts';
import { CONFIG, described, errorsOf, imageOf, LAYER, Repository } from '../../integration/manifest-pushing.ts';
import { filesBelow } from '../../support/data-directory.ts';
import { Layover } from '../../support/layover.ts';

let layover: Layover;
let repository: Repository;

beforeAll(async () => {
  layover = await Layover.start({ config: { storage: { delete: { enabled: true } } } });
  repository = new Repository(layover.url, 'team/app');
  await repository.addBlobs(CONFIG, LAYER);
});

afterAll(() => layover[Symbol.asyncDispose]());

const descriptor = fc.oneof(
  fc.constantFrom(described(CONFIG, 'application/vnd.oci.image.config.v1+json'), described(LAYER, 'a/b')),
  fc.record(
    {
      mediaType: fc.oneof(fc.constantFrom(...MANIFEST_MEDIA_TYPES), fc.string(), fc.anything()),
      digest: fc.oneof(
        fc.string().map((text) => digestOf(Buffer.from(text))),
        fc.string(),
        fc.anything(),
      ),
      size: fc.oneof(fc.integer(), fc.double(), fc.anything()),
      urls: fc.oneof(fc.array(fc.webUrl()), fc.anything()),
      platform: fc.anything(),
    },
    { requiredKeys: [] },
  ),
);
const mediaType = fc.oneof(
  fc.constantFrom<unknown>(...MANIFEST_MEDIA_TYPES, 'text/html', 'application/vnd.a\r\nb: c'),
  fc.string(),
);
const manifest = fc.record(
  {
    schemaVersion: fc.oneof(fc.constant<unknown>(2), fc.anything()),
    mediaType,
    config: fc.oneof(descriptor, fc.anything()),
    layers: fc.oneof(fc.array(descriptor), fc.anything()),
    manifests: fc.oneof(fc.array(descriptor), fc.anything()),
    subject: fc.oneof(descriptor, fc.anything()),
    artifactType: fc.oneof(fc.string(), fc.anything()),
    annotations: fc.oneof(fc.dictionary(fc.string(), fc.string()), fc.anything()),
  },
  { requiredKeys: [] },
);
/** From nearly valid manifests to arbitrary JSON. */
const body = fc.oneof(
  manifest.map((value) => Buffer.from(JSON.stringify(value) ?? '')),
  fc.jsonValue().map((value) => Buffer.from(JSON.stringify(value))),
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  fc.tuple(fc.nat(), fc.nat(255)).map(([at, byte]) => {
    const bytes = Buffer.from(imageOf('whole').bytes);
    bytes.writeUInt8(byte, at % bytes.length);
    return bytes;
  }),
);
const contentType = fc.option(
  fc.constantFrom(OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, 'text/plain', ';', 'a/b; c=d'),
  {
    nil: undefined,
  },
);

const filesOf = async () => (await filesBelow(`${layover.dataDirectory}/docker`)).sort();

describe('any bytes pushed as a manifest', () => {
  it('are accepted and served unchanged, or refused with a reason and not kept', async () => {
    let before = await filesOf();
    await fc.assert(
      fc.asyncProperty(body, contentType, fc.boolean(), async (bytes, type, byDigest) => {
        const digest = digestOf(bytes);
        const response = await repository.put({ bytes, ...(type && { mediaType: type }) }, byDigest ? digest : 'fuzz');
        if (response.status === 201) {
          expect((await repository.get(`manifests/${digest}`)).body).toBe(bytes.toString());
          expect((await repository.delete(`manifests/${digest}`)).status).toBe(202);
          before = await filesOf();
          return;
        }
        const [status, ...codes] = errorsOf(response);
        expect(status, response.body).toBe(400);
        expect(codes.flat()[0]).toMatch(/^MANIFEST_(?:INVALID|BLOB_UNKNOWN)$/);
        expect(await filesOf()).toEqual(before);
      }),
      { numRuns: 400 },
    );
    expect(layover.output).not.toContain('a fault of ours');
  });
});
