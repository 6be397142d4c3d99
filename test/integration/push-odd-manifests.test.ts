import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { OCI_INDEX, OCI_MANIFEST } from '../../src/oci/media-types.ts';
import { Layover } from '../support/layover.ts';
import { CONFIG, described, errorsOf, imageOf, indexOf, LAYER, piece, Repository } from './manifest-pushing.ts';
import { send } from './pushing.ts';
import { expectNothingBroken } from './stored-data.ts';

describe('pushing a manifest that is odd, or made to hurt', () => {
  let layover: Layover;
  let count = 0;
  beforeAll(async () => {
    layover = await Layover.start();
  });
  afterAll(async () => {
    await expectNothingBroken(layover);
    await layover[Symbol.asyncDispose]();
  });

  /** A repository with the two blobs that images are made of. */
  const newRepository = async () => {
    const repository = new Repository(layover.url, `team/app${++count}`);
    await repository.addBlobs(CONFIG, LAYER);
    return { repository };
  };

  it('takes one whose lists are null or absent, as Go writes empty ones, and serves it byte for byte', async () => {
    const { repository } = await newRepository();
    const texts = {
      nolayers: imageOf('one', { layers: undefined }),
      nulllayers: imageOf('two', { layers: null }),
      nullindex: { ...indexOf(), ...piece(`{"schemaVersion":2,"mediaType":"${OCI_INDEX}","manifests":null}`) },
      noindex: { ...indexOf(), ...piece(`{"schemaVersion":2,"mediaType":"${OCI_INDEX}"}`) },
    };
    for (const [tag, manifest] of Object.entries(texts)) {
      expect({ tag, status: (await repository.put(manifest, tag)).status }).toEqual({ tag, status: 201 });
      const got = await repository.get(`manifests/${tag}`);
      expect([got.status, got.body, got.headers['content-type']]).toEqual([
        200,
        manifest.bytes.toString(),
        manifest.mediaType,
      ]);
    }
  });

  it('refuses keys that clients read in different ways, and keeps nothing of it', async () => {
    const { repository } = await newRepository();
    const missing = described(piece('not there'), 'application/vnd.oci.image.layer.v1.tar');
    for (const [key, entries] of [
      ['Layers', [missing]],
      ['layers', [described(LAYER, 'application/vnd.oci.image.layer.v1.tar')]],
      ['layer\u017f', []],
    ] as const) {
      const text = imageOf('one')
        .bytes.toString()
        .replace(/}$/, `,"${key}":${JSON.stringify(entries)}}`);
      const { bytes, digest } = piece(text);
      expect(errorsOf(await repository.put({ bytes, mediaType: OCI_MANIFEST }, 'v1'))).toEqual([
        400,
        'MANIFEST_INVALID',
      ]);
      expect(await repository.status(`manifests/${digest}`)).toBe(404);
    }
    expect(await repository.status('manifests/v1')).toBe(404);
  });

  it('lists a hundred of tens of thousands that are missing, and goes on with others meanwhile', async () => {
    const { repository } = await newRepository();
    const layers = Array.from({ length: 30_000 }, (_, i) => ({
      mediaType: 'a/b',
      digest: `sha256:${i.toString(16).padStart(64, '0')}`,
      size: 1,
    }));
    const image = imageOf('one', { layers, config: { ...layers[0] } });
    const compact = piece(JSON.stringify(JSON.parse(image.bytes.toString())));
    const refused = repository.put({ ...compact, mediaType: OCI_MANIFEST }, 'v1');
    const others = Promise.all(Array.from({ length: 20 }, () => send('GET', `${layover.url}/livez`)));
    const answer = await refused;
    const [status, ...errors] = errorsOf(answer);
    expect(status).toBe(400);
    expect(errors).toEqual([
      ...layers.slice(0, 100).map(({ digest }) => ['MANIFEST_BLOB_UNKNOWN', digest]),
      'MANIFEST_BLOB_UNKNOWN',
    ]);
    expect(answer.body.length).toBeLessThan(20_000);
    expect((await others).every((each) => each.status === 200)).toBe(true);
    expect(await repository.status('manifests/v1')).toBe(404);
  });

  it('refuses one that is nested as no client reads it, without a second of work', async () => {
    const { repository } = await newRepository();
    const text = imageOf('deep').bytes.toString();
    const deep = piece(text.replace(/}$/, `,"x":${'['.repeat(1_900_000)}${']'.repeat(1_900_000)}}`));
    expect(errorsOf(await repository.put({ ...deep, mediaType: OCI_MANIFEST }, 'v1'))).toEqual([
      400,
      'MANIFEST_INVALID',
    ]);
    expect(await repository.status(`manifests/${deep.digest}`)).toBe(404);
  });
});
