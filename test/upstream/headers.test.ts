import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { parseContentRange } from '../../src/upstream/content-range.ts';
import { nextLink } from '../../src/upstream/list-requests.ts';
import { parseRateLimit } from '../../src/upstream/rate-limit.ts';

describe('parseContentRange', () => {
  it('has an exclusive end', () => {
    expect(parseContentRange('bytes 0-0/1')).toEqual({ start: 0, end: 1, size: 1 });
    expect(parseContentRange('bytes 5-9/*')).toEqual({ start: 5, end: 10, size: undefined });
  });

  it.each([undefined, '', 'bytes */10', 'bytes 9-5/10', 'bytes 0-10/10', 'items 0-1/2', 'bytes 0-1', 'bytes 1e3-2/3'])(
    'refuses %j',
    (header) => {
      expect(parseContentRange(header)).toBeUndefined();
    },
  );
});

describe('nextLink', () => {
  const page = new URL('https://r.example/v2/a/tags/list?n=2');

  it.each([
    ['</v2/a/tags/list?n=2&last=b>; rel="next"', 'https://r.example/v2/a/tags/list?n=2&last=b'],
    ['<https://r.example/x>; rel=next', 'https://r.example/x'],
    ['<list?last=b>; title="a, <b>; rel=prev"; REL="prev NEXT"', 'https://r.example/v2/a/tags/list?last=b'],
    ['</first>; rel="first", </second>; rel="next"', 'https://r.example/second'],
  ])('follows %s', (header, target) => {
    expect(nextLink(header, page)?.href).toBe(target);
  });

  it.each([undefined, '', '</x>; rel="prev"', '</x>', 'rel="next"', '<http://[>; rel="next"'])(
    'ends at %j',
    (header) => {
      expect(nextLink(header, page)).toBeUndefined();
    },
  );

  it('accepts any input', () => {
    fc.assert(fc.property(fc.string(), (header) => nextLink(header, page) === undefined || header.includes('<')));
  });
});

describe('parseRateLimit', () => {
  it('reads what Docker Hub sends', () => {
    const headers = { 'ratelimit-limit': '100;w=21600', 'ratelimit-remaining': '76;w=21600' };
    expect(parseRateLimit({ headers })).toEqual({ limit: 100, remaining: 76, windowSeconds: 21_600 });
  });

  it('reads when the limit is renewed, from registries that send it', () => {
    const headers = { 'ratelimit-limit': '100', 'ratelimit-reset': '90' };
    expect(parseRateLimit({ headers })).toEqual({ limit: 100, resetSeconds: 90 });
  });

  it('accepts a number without a window', () => {
    expect(parseRateLimit({ headers: { 'ratelimit-remaining': '0' } })).toEqual({ remaining: 0 });
  });

  it.each([{}, { 'ratelimit-limit': 'unlimited' }])('knows nothing from %j', (headers) => {
    expect(parseRateLimit({ headers })).toBeUndefined();
  });
});
