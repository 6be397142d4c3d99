import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { ManifestDescriptor } from '../../src/oci/descriptor.ts';
import { digestOf } from '../../src/oci/digest.ts';
import { OCI_MANIFEST } from '../../src/oci/media-types.ts';
import { pageOfReferrers, type ReferrersQuery } from '../../src/oci/referrers-page.ts';

function referrer(i: number, annotationBytes = 0): ManifestDescriptor {
  return {
    mediaType: OCI_MANIFEST,
    digest: digestOf(Buffer.from(String(i))),
    size: i,
    artifactType: i % 2 === 0 ? 'a/even' : 'a/odd',
    ...(annotationBytes > 0 && { annotations: { long: 'x'.repeat(annotationBytes) } }),
  };
}

/** All pages, as for a client that follows the links. */
function pages(all: readonly ManifestDescriptor[], query: ReferrersQuery) {
  const got = [];
  for (let last = query.last; ; ) {
    const page = pageOfReferrers(all, { ...query, ...(last !== undefined && { last }) });
    got.push(page.manifests);
    if (page.next === undefined) return got;
    last = page.next;
  }
}

const digests = (list: readonly ManifestDescriptor[]) => list.map(({ digest }) => digest);

describe('a list of referrers', () => {
  it('is on one page in its own order when it fits', () => {
    const all = [3, 1, 2].map((i) => referrer(i));
    expect(pageOfReferrers(all, {})).toEqual({ manifests: all, next: undefined });
    expect(pageOfReferrers(all, { artifactType: 'a/odd' }).manifests.map(({ size }) => size)).toEqual([3, 1]);
    expect(pageOfReferrers([], {})).toEqual({ manifests: [], next: undefined });
  });

  it('is complete and without duplicates for every page size', () => {
    const lists = fc.uniqueArray(fc.nat(1000), { maxLength: 40 });
    fc.assert(
      fc.property(
        lists,
        fc.integer({ min: 1, max: 50 }),
        fc.constantFrom(undefined, 'a/odd'),
        (ids, n, artifactType) => {
          const all = ids.map((i) => referrer(i));
          const wanted = all.filter((entry) => artifactType === undefined || entry.artifactType === artifactType);
          const got = pages(all, { n, artifactType });
          expect(digests(got.flat()).sort()).toEqual(digests(wanted).sort());
          expect(got.every((page) => page.length <= n)).toBe(true);
        },
      ),
    );
  });

  it('has pages below 4 MiB', () => {
    const all = Array.from({ length: 30 }, (_, i) => referrer(i, 300_000));
    const got = pages(all, {});
    expect(digests(got.flat())).toEqual(digests(all).sort());
    expect(got.length).toBe(3);
    for (const page of got) expect(Buffer.byteLength(JSON.stringify(page))).toBeLessThan(4 * 1024 * 1024);
  });

  it('continues after an entry that is larger than a page', () => {
    const all = [referrer(1), referrer(2, 5_000_000), referrer(3)];
    expect(digests(pages(all, {}).flat())).toEqual(digests(all).sort());
  });

  it('is empty when no entries are requested', () => {
    expect(pageOfReferrers([referrer(1)], { n: 0 })).toEqual({ manifests: [], next: undefined });
  });
});
