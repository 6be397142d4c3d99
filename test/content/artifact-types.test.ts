import { describe, expect, it } from 'vitest';

import { ArtifactTypes } from '../../src/content/artifact-types.ts';
import { digestOf } from '../../src/oci/digest.ts';

const named = (name: string) => digestOf(Buffer.from(name));
const [a, b, c] = [named('a'), named('b'), named('c')];

describe('the artifact types of manifests', () => {
  it('rule out those of other types, and nothing that is not known', () => {
    const types = new ArtifactTypes();
    types.remember(a, 'application/one');
    types.remember(b, undefined);
    const mayBeOne = types.matcher('application/one');
    expect([a, b, c].map((digest) => mayBeOne(digest))).toEqual([true, false, true]);
    expect([a, b, c].map((digest) => types.matcher('application/two')(digest))).toEqual([false, false, true]);
    expect([a, b, c].map((digest) => types.matcher(undefined)(digest))).toEqual([true, true, true]);
  });

  it('are forgotten when there are too many, the oldest first', () => {
    const types = new ArtifactTypes({ max: 2 });
    for (const digest of [a, b, c]) types.remember(digest, 'application/one');
    expect([a, b, c].map((digest) => types.matcher('application/two')(digest))).toEqual([true, false, false]);
  });
});
