import { describe, expect, it } from 'vitest';

import { type Candidate, chooseMember, membersFor } from '../../src/budget/members.ts';
import { type BudgetPolicy, shareEndsAt, type Verdict, verdictOf } from '../../src/budget/policy.ts';
import { limitOfToken } from '../../src/budget/token-claims.ts';
import { NEW_BUCKET, spent } from '../../src/budget/bucket.ts';

const candidate = (name: string, left: number | undefined, isAside = false): Candidate => ({
  member: { name },
  left,
  reserve: 20,
  isAside,
});

describe('the account of a pull', () => {
  it.each<[string, Candidate[], string | undefined, string]>([
    ['with the most left', [candidate('a', 5), candidate('b', 9)], undefined, 'b'],
    ['that served the repository last', [candidate('a', 30), candidate('b', 90)], 'a', 'a'],
    ['with the most left, when the last one is at its reserve', [candidate('a', 20), candidate('b', 90)], 'a', 'b'],
    ['without limit', [candidate('a', 99), candidate('b', undefined)], undefined, 'b'],
    ['that is not locked out', [candidate('a', 99, true), candidate('b', 1)], 'a', 'b'],
    ['that is locked out, when all are', [candidate('a', 9, true), candidate('b', 1, true)], undefined, 'a'],
  ])('is the one %s', (_, candidates, last, name) => {
    expect(chooseMember(candidates, { pool: 'most', last })?.member.name).toBe(name);
  });

  it('is the first one with pool: order', () => {
    const candidates = [candidate('a', 0), candidate('b', 90)];
    expect(chooseMember(candidates, { pool: 'order', last: 'b' })?.member.name).toBe('a');
  });

  it('of a private name is one that is for it, and only then', () => {
    const members = [{ name: 'all' }, { name: 'acme', isFor: (name: string) => name.startsWith('acme/') }];
    expect(membersFor(members, 'acme/app').map(({ name }) => name)).toEqual(['acme']);
    expect(membersFor(members, 'library/app').map(({ name }) => name)).toEqual(['all']);
  });
});

const policy: BudgetPolicy = {
  pool: 'most',
  reserve: { part: 0.2 },
  scarce: { pulls: 10 },
  fairShare: 0.25,
  waitMs: 0,
  onExhausted: 'error',
};

describe('a pull', () => {
  it.each<[number | undefined, Verdict, Verdict, Verdict, Verdict]>([
    [undefined, 'spend', 'spend', 'spend', 'spend'],
    [21, 'spend', 'spend', 'spend', 'spend'],
    [20, 'spend', 'spend', 'spend', 'wait'],
    [10, 'spend', 'older', 'refuse', 'wait'],
    [0, 'refuse', 'older', 'refuse', 'wait'],
  ])(
    'with %s of 100 left: %s; with an older manifest %s; a refresh %s; warm %s',
    (left, fresh, older, refresh, warm) => {
      const ask = (by: 'client' | 'refresh' | 'warm', hasOlder = false) =>
        verdictOf({ class: by, hasOlder, left, limit: 100 }, policy);
      expect([ask('client'), ask('client', true), ask('refresh'), ask('warm')]).toEqual([fresh, older, refresh, warm]);
    },
  );

  it('of a client that took its share of scarce pulls is for later', () => {
    let bucket = { ...NEW_BUCKET, windowMs: 1_000 };
    const spend = (client: string) => {
      const made = { at: 5, class: 'client', repository: 'a', isScarce: true, client } as const;
      bucket = { ...spent(bucket, made).bucket, windowMs: 1_000 };
    };
    const ends = (client: string | undefined, left: number) =>
      shareEndsAt(bucket, left, { class: 'client', client }, policy.fairShare);
    spend('greedy');
    expect(ends('greedy', 9)).toBeUndefined();
    spend('greedy');
    expect(ends('greedy', 8)).toBe(1_005);
    expect([ends('other', 8), ends(undefined, 8)]).toEqual([undefined, undefined]);
  });
});

describe('the limit in a token', () => {
  const token = (payload: unknown) => `e30.${Buffer.from(JSON.stringify(payload)).toString('base64url')}.sig`;
  it.each([
    [
      { pull_limit: '100', pull_limit_interval: '21600' },
      { limit: 100, windowMs: 21_600_000 },
    ],
    [
      { pull_limit: 200, pull_limit_interval: 3600 },
      { limit: 200, windowMs: 3_600_000 },
    ],
    [{ pull_limit: '100' }, { limit: 100, windowMs: undefined }],
    [{ pull_limit: 'many' }, undefined],
    [{}, undefined],
  ])('of %j is %j', (parameters, limit) => {
    expect(limitOfToken(token({ access: [{ type: 'repository', parameters }] }))).toEqual(limit);
  });

  it.each(['', 'opaque', 'a.b.c', token(null), token({ access: 'all' }), token({ access: [null, 3] })])(
    'of %s is not stated',
    (text) => {
      expect(limitOfToken(text)).toBeUndefined();
    },
  );
});
