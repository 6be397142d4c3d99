import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { nextPageLink, type PageRequest, pageOf, parsePage } from '../../src/oci/pagination.ts';

describe('a page request', () => {
  it.each([
    ['', {}],
    ['n=5', { n: 5 }],
    ['n=0&last=', { n: 0, last: '' }],
    ['last=a%2Fb', { last: 'a/b' }],
    ['n=999999999', { n: 999_999_999 }],
    ['n=', {}],
    ['n=&last=a', { last: 'a' }],
    ['n=005', { n: 5 }],
    ['n=%2B5', { n: 5 }],
    ['n=-0', { n: 0 }],
    ['n=99999999999', { n: 99_999_999_999 }],
    ['n=9223372036854775807', { n: Number.MAX_SAFE_INTEGER }],
  ])('"%s"', (query, page) => {
    expect(parsePage(new URLSearchParams(query))).toEqual(page);
  });

  it.each(['-1', ' ', 'x', '1.5', '1e2', ' 1', '+', '0x1', '9223372036854775808', '9'.repeat(99), '\u0661'])(
    'with n=%s is rejected',
    (n) => {
      expect(() => parsePage(new URLSearchParams({ n }))).toThrow(
        expect.objectContaining({ code: 'PAGINATION_NUMBER_INVALID', options: { detail: { n } } }),
      );
    },
  );
});

describe('the link to the next page', () => {
  it.each([
    ['/v2/_catalog', '</v2/_catalog?n=2&last=b>; rel="next"'],
    ['/v2/a/tags/list?n=2', '</v2/a/tags/list?n=2&last=b>; rel="next"'],
    ['/v2/a/tags/list?ns=docker.io&n=9&last=a', '</v2/a/tags/list?ns=docker.io&n=2&last=b>; rel="next"'],
    ['/base/v2/a/tags/list?', '</base/v2/a/tags/list?n=2&last=b>; rel="next"'],
  ])('of %s', (url, link) => {
    expect(nextPageLink(url, { n: 2, last: 'b' })).toBe(link);
  });

  it('leads to the requested position, for every query', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.nat(), (ns, last, n) => {
        const link = nextPageLink(`/v2/a/tags/list?${new URLSearchParams({ ns, last: 'old' }).toString()}`, {
          n,
          last,
        });
        const [, target = ''] = /^<([^<>\s]*)>; rel="next"$/.exec(link) ?? [];
        const query = new URL(target, 'http://registry.invalid').searchParams;
        expect(Object.fromEntries(query)).toEqual({ ns, last, n: String(n) });
      }),
    );
  });
});

describe('a page', () => {
  const sorted = ['B', 'a', 'b', 'c'];

  it.each<[PageRequest, string[], Required<PageRequest> | undefined]>([
    [{}, sorted, undefined],
    [{ n: 4 }, sorted, undefined],
    [{ n: 9 }, sorted, undefined],
    [{ n: 2 }, ['B', 'a'], { n: 2, last: 'a' }],
    [{ n: 2, last: 'a' }, ['b', 'c'], undefined],
    [{ n: 1, last: 'aa' }, ['b'], { n: 1, last: 'b' }],
    [{ last: 'b' }, ['c'], undefined],
    [{ last: 'zz' }, [], undefined],
    [{ n: 0 }, [], undefined],
  ])('%j', (request, entries, next) => {
    expect(pageOf(sorted, request)).toEqual({ entries, next });
  });

  it('followed by the next ones contains every entry once, in order', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.string()), fc.integer({ min: 1, max: 5 }), (names, n) => {
        const all = names.sort();
        const seen: string[] = [];
        let request: PageRequest | undefined = { n };
        while (request) {
          const { entries, next }: { entries: readonly string[]; next: PageRequest | undefined } = pageOf(all, request);
          expect(entries.length).toBeLessThanOrEqual(n);
          seen.push(...entries);
          request = next;
        }
        expect(seen).toEqual(all);
      }),
    );
  });
});
