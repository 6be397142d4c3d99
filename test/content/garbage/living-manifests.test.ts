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

const living = async (roots: string[], keepReferrers: boolean): Promise<string[]> => {
  const found = await livingManifests(nodes, new Set(roots.map(named)), { keepReferrers });
  return ['index', 'child', 'signature', 'attestation', 'lone'].filter((name) => found.has(named(name)));
};

describe('the manifests that live', () => {
  it('are those that an index leads to, and no blobs', async () => {
    expect(await living(['index'], false)).toEqual(['index', 'child']);
    expect(await livingManifests(nodes, new Set([named('child')]), { keepReferrers: false })).toEqual(
      new Set([named('child')]),
    );
  });

  it('optionally include referrers of a living one, at any depth', async () => {
    expect(await living(['index'], true)).toEqual(['index', 'child', 'signature', 'attestation']);
  });

  it('do not live because of their referrers', async () => {
    expect(await living(['attestation'], true)).toEqual(['attestation']);
  });

  it('may refer to each other in a circle', async () => {
    const circle = new Map<Digest, ReturnType<typeof node>>([
      [named('a'), node(['b'])],
      [named('b'), node(['a'], 'a')],
    ]);
    expect((await livingManifests(circle, new Set([named('a')]), { keepReferrers: true })).size).toBe(2);
  });

  it('may be as many referrers of one manifest as no call has arguments, and are found while other work runs', async () => {
    const count = 200_000;
    const many = new Map([[named('subject'), node([])]]);
    for (let i = 0; i < count; i++) many.set(`sha256:${String(i).padStart(64, '0')}` as Digest, node([], 'subject'));
    let turns = 0;
    const counting = setInterval(() => turns++, 0);
    const found = await livingManifests(many, new Set([named('subject')]), { keepReferrers: true });
    clearInterval(counting);
    expect(found.size).toBe(count + 1);
    expect(turns).toBeGreaterThan(10);
  });

  it('are none when the root is not there', async () => {
    expect(await living(['gone'], true)).toEqual([]);
  });
});
