import { describe, expect, it } from 'vitest';

import { livingManifests } from '../../../src/content/garbage/living-manifests.ts';
import { type Digest, digestOf } from '../../../src/oci/digest.ts';

const named = (name: string) => digestOf(Buffer.from(name));
const node = (parts: string[], subject?: string) => ({
  parts: parts.map(named),
  subject: subject === undefined ? undefined : named(subject),
});

/** `index` lists `child`, a signature is attached to the child, and an attestation to the signature; `lone` is on its own. */
const nodes = new Map([
  [named('index'), node(['child'])],
  [named('child'), node(['layer'])],
  [named('signature'), node(['blob'], 'child')],
  [named('attestation'), node([], 'signature')],
  [named('lone'), node([])],
]);

const living = (roots: string[], keepReferrers: boolean): string[] => {
  const found = livingManifests(nodes, new Set(roots.map(named)), { keepReferrers });
  return ['index', 'child', 'signature', 'attestation', 'lone'].filter((name) => found.has(named(name)));
};

describe('the manifests that live', () => {
  it('are those that an index leads to, and no blobs', () => {
    expect(living(['index'], false)).toEqual(['index', 'child']);
    expect(livingManifests(nodes, new Set([named('child')]), { keepReferrers: false })).toEqual(
      new Set([named('child')]),
    );
  });

  it('optionally include referrers of a living one, at any depth', () => {
    expect(living(['index'], true)).toEqual(['index', 'child', 'signature', 'attestation']);
  });

  it('do not live because of their referrers', () => {
    expect(living(['attestation'], true)).toEqual(['attestation']);
  });

  it('may refer to each other in a circle', () => {
    const circle = new Map<Digest, ReturnType<typeof node>>([
      [named('a'), node(['b'])],
      [named('b'), node(['a'], 'a')],
    ]);
    expect(livingManifests(circle, new Set([named('a')]), { keepReferrers: true }).size).toBe(2);
  });

  it('are none when the root is not there', () => {
    expect(living(['gone'], true)).toEqual([]);
  });
});
