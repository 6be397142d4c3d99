import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { createContentStore } from '../../src/content/content-store.ts';
import { revisionLinkPath } from '../../src/content/paths.ts';
import { OCI_INDEX, OCI_MANIFEST } from '../../src/oci/media-types.ts';
import { withTiming } from '../../src/storage/timed-driver.ts';
import { createContent } from './content-under-test.ts';
import { type Bytes, descriptor, jsonBytes } from './image-fixture.ts';

const EMPTY = jsonBytes({});
const subject = jsonBytes({ schemaVersion: 2, manifests: [], annotations: { is: 'the subject' } });

function signature(extra: object): Bytes {
  return jsonBytes({
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: descriptor(EMPTY, 'application/vnd.example.config'),
    layers: [],
    subject: descriptor(subject, OCI_INDEX),
    ...extra,
  });
}

describe('the referrers of a manifest', () => {
  it('are those whose subject it is, with artifact type and annotations', async () => {
    await using content = await createContent();
    const typed = signature({ artifactType: 'application/vnd.example.sig', annotations: { by: 'me' } });
    const untyped = signature({ annotations: { by: 'you' } });
    const index = jsonBytes({ schemaVersion: 2, manifests: [], subject: descriptor(subject, OCI_INDEX) });
    const unrelated = jsonBytes({ schemaVersion: 2, manifests: [], subject: descriptor(typed, OCI_MANIFEST) });
    for (const { digest, bytes } of [subject, typed, untyped, index, unrelated]) {
      await content.store.manifests.put('one', digest, bytes);
    }
    const expected = [
      { ...descriptor(typed, OCI_MANIFEST), artifactType: 'application/vnd.example.sig', annotations: { by: 'me' } },
      {
        ...descriptor(untyped, OCI_MANIFEST),
        artifactType: 'application/vnd.example.config',
        annotations: { by: 'you' },
      },
      descriptor(index, OCI_INDEX),
    ].sort((a, b) => (a.digest < b.digest ? -1 : 1));
    expect((await content.store.referrers.list('one', subject.digest)).manifests).toEqual(expected);
    const { manifests } = await content.store.referrers.list('one', typed.digest);
    expect(manifests).toMatchObject([{ digest: unrelated.digest }]);
    expect((await content.store.referrers.list('two', subject.digest)).manifests).toEqual([]);
  });

  it('are known before the subject is, and change with what is put and deleted', async () => {
    await using content = await createContent();
    const { store } = content;
    const referrers = Array.from({ length: 40 }, (_, i) => signature({ annotations: { i: String(i) } }));
    const listed = async (repository: string) =>
      (await store.referrers.list(repository, subject.digest)).manifests.map(({ digest }) => digest);
    for (const [i, { digest, bytes }] of referrers.entries()) {
      await store.manifests.put('one', digest, bytes);
      if (i % 10 === 0) expect(await listed('one')).toHaveLength(i + 1);
    }
    const digests = referrers.map(({ digest }) => digest).sort();
    expect(await listed('one')).toEqual(digests);

    const [gone = subject.digest] = digests;
    // Like distribution deletes: the link is removed, its directory stays.
    await rm(join(content.root, revisionLinkPath('one', gone)));
    expect(await listed('one')).toEqual(digests.slice(1));
    expect(await listed('two')).toEqual([]);
  });

  it('of one type are found again without reading those of others', async () => {
    await using content = await createContent();
    const types = Array.from({ length: 300 }, (_, i) => (i === 77 ? 'application/rare' : 'application/common'));
    for (const [i, artifactType] of types.entries()) {
      const { digest, bytes } = signature({ artifactType, annotations: { number: String(i) } });
      await content.store.manifests.put('one', digest, bytes);
    }
    let reads = 0;
    const driver = withTiming(content.driver, ({ action }) => void (action === 'GetContent' && reads++));
    const store = createContentStore({ driver, onDamage: () => {} });
    for (const expected of [300, 0]) {
      reads = 0;
      const { manifests } = await store.referrers.list('one', subject.digest, { artifactType: 'application/rare' });
      expect(manifests).toMatchObject([{ artifactType: 'application/rare' }]);
      expect(reads).toBeGreaterThanOrEqual(expected);
      if (expected === 0) expect(reads).toBeLessThan(5);
    }
    expect(
      (await store.referrers.list('one', subject.digest, { artifactType: 'application/other' })).manifests,
    ).toEqual([]);
  });
});
