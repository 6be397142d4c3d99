import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { parseChallenges } from '../../src/upstream/challenge.ts';

const parsed = (header: string) =>
  parseChallenges(header).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]);

describe('parseChallenges', () => {
  it('reads the challenge of Docker Hub', () => {
    const header =
      'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/nginx:pull"';
    expect(parsed(header)).toEqual([
      [
        'bearer',
        {
          realm: 'https://auth.docker.io/token',
          service: 'registry.docker.io',
          scope: 'repository:library/nginx:pull',
        },
      ],
    ]);
  });

  it('keeps several challenges in one header apart', () => {
    expect(parsed('Negotiate, Basic realm="a, b", charset=UTF-8,Bearer realm=x , scope="y"')).toEqual([
      ['negotiate', {}],
      ['basic', { realm: 'a, b', charset: 'UTF-8' }],
      ['bearer', { realm: 'x', scope: 'y' }],
    ]);
  });

  it('reads commas, quotes and backslashes inside quotes', () => {
    expect(parsed(String.raw`Bearer scope="repository:a:pull,push", realm="say \"hi\" \\ ok"`)).toEqual([
      ['bearer', { scope: 'repository:a:pull,push', realm: String.raw`say "hi" \ ok` }],
    ]);
  });

  it('ignores the case of schemes and names, and spaces around =', () => {
    expect(parsed('BEARER Realm = "x" , SERVICE= y')).toEqual([['bearer', { realm: 'x', service: 'y' }]]);
  });

  it('skips a token68', () => {
    expect(parsed('Negotiate YWJjZA==, Basic realm="x"')).toEqual([
      ['negotiate', {}],
      ['basic', { realm: 'x' }],
    ]);
  });

  it('accepts URLs that should have been quoted', () => {
    expect(parsed('Bearer realm=https://r.example/token,service=s')).toEqual([
      ['bearer', { realm: 'https://r.example/token', service: 's' }],
    ]);
  });

  it('ends on any input', () => {
    fc.assert(fc.property(fc.string(), (header) => Array.isArray(parseChallenges(header))));
    const pieces = fc.constantFrom('Bearer', ' ', ',', '=', '"', '\\', 'realm', 'x', '\t', '==');
    fc.assert(
      fc.property(fc.array(pieces), (parts) => {
        for (const { scheme } of parseChallenges(parts.join(''))) expect(scheme).not.toBe('');
      }),
    );
  });
});
