import { hash } from '@node-rs/bcrypt';
import { describe, expect, it } from 'vitest';

import { FailureLimit } from '../../src/auth/failure-limit.ts';
import { parseHtpasswd } from '../../src/auth/htpasswd-file.ts';
import { hashPassword, paddingCosts, Passwords } from '../../src/auth/passwords.ts';
import { CredentialCache } from '../../src/auth/credential-cache.ts';

const HASH = '$2y$05$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234';

describe('a file of htpasswd', () => {
  it('has a user and a bcrypt hash on each line', () => {
    const { users, ignored } = parseHtpasswd(
      `\uFEFF# people\r\n\r\nalice:${HASH}\r\n  bob:${HASH.replace('05', '12')}  \n`,
    );
    expect([...users.hashes.keys()]).toEqual(['alice', 'bob']);
    expect([users.cost, ignored]).toEqual([12, []]);
  });

  it.each([
    ['alice', 'not user:hash'],
    [`:${HASH}`, 'not user:hash'],
    ['alice:$apr1$x$y', 'the hash is not bcrypt (create it with htpasswd -B)'],
    ['alice:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=', 'the hash is not bcrypt (create it with htpasswd -B)'],
    ['alice:plain', 'the hash is not bcrypt (create it with htpasswd -B)'],
    [`alice:${HASH}x`, 'the hash is not bcrypt (create it with htpasswd -B)'],
    [`alice:${HASH.replace('05', '31')}`, 'the cost of the hash is 31, not 4 to 20'],
    [`alice:${HASH.replace('05', '03')}`, 'the cost of the hash is 3, not 4 to 20'],
  ])('is read without the line %s', (line, reason) => {
    const { users, ignored } = parseHtpasswd(`bob:${HASH}\n${line}\n`);
    expect([[...users.hashes.keys()], ignored]).toEqual([['bob'], [{ line: 2, reason }]]);
  });

  it('uses the last line of a user', () => {
    const { users } = parseHtpasswd(`alice:${HASH}\nalice:${HASH.replace('2y', '2b')}`);
    expect(users.hashes.get('alice')).toBe(HASH.replace('2y', '2b'));
  });
});

describe('passwords', () => {
  it('are right, wrong or of an unknown user, for any text', async () => {
    const passwords = new Passwords();
    const hashed = await hashPassword('pässword');
    expect(await passwords.isRight('pässword', hashed)).toBe(true);
    expect(await passwords.isRight('password', hashed)).toBe(false);
    expect(await passwords.isRight('pässword', undefined)).toBe(false);
    expect(await passwords.isRight('', undefined, 4)).toBe(false);
  });

  it('take the same number of rounds when they are wrong, for any cost of the hash', () => {
    for (let cost = 4; cost <= 15; cost++) {
      const rounds = [cost, ...paddingCosts(cost, 15)].map((one) => 2 ** one);
      expect(rounds.reduce((sum, one) => sum + one)).toBe(2 ** 15);
    }
  });

  it('that are wrong take the same time for a hash of low cost, of the highest cost, and for an unknown user', async () => {
    const passwords = new Passwords();
    const [cheap, dear] = [await hash('right', 4), await hash('right', 11)];
    /** Processor time, because the machine also runs other processes. */
    const microseconds = async (hashed: string | undefined) => {
      const before = process.cpuUsage();
      for (let i = 0; i < 4; i++) expect(await passwords.isRight('wrong', hashed, 11)).toBe(false);
      return process.cpuUsage(before).user;
    };
    const expected = await microseconds(dear);
    for (const hashed of [cheap, undefined]) {
      const ratio = (await microseconds(hashed)) / expected;
      expect([ratio > 0.5, ratio < 2], String(ratio)).toEqual([true, true]);
    }
    expect(await passwords.isRight('right', cheap, 11)).toBe(true);
  });

  it('are verified a few at a time, and rejected when many wait', async () => {
    const passwords = new Passwords();
    const asked = Array.from({ length: 100 }, () => passwords.isRight('x', undefined, 4));
    const settled = await Promise.allSettled(asked);
    const refused = settled.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[];
    expect(refused).toHaveLength(100 - 66);
    expect(refused[0]?.reason).toMatchObject({ code: 'TOOMANYREQUESTS' });
    expect(await passwords.isRight('x', undefined, 4)).toBe(false); // and go on afterwards
  });
});

describe('wrong passwords', () => {
  const startLimit = (max: number) => {
    const clock = { now: 1000 };
    const blocked: unknown[] = [];
    const events = { addressBlocked: (event: unknown) => void blocked.push(event) };
    const limit = new FailureLimit({ max, events, now: () => clock.now });
    const fail = (address: string, user: string, times: number) => {
      for (let i = 0; i < times; i++) limit.begin(address, user);
    };
    return {
      clock,
      limit,
      blocked,
      fail,
      begin:
        (address: string, user = 'alice') =>
        () =>
          limit.begin(address, user),
    };
  };

  it('block an address for the rest of the minute', () => {
    const { clock, blocked, fail, begin } = startLimit(3);
    fail('192.0.2.1', 'alice', 2);
    clock.now += 20_000;
    fail('192.0.2.1', 'alice', 1);
    const refusal = expect.objectContaining({ code: 'TOOMANYREQUESTS', options: { retryAfterMs: 40_000 } });
    for (let i = 0; i < 5; i++) expect(begin('192.0.2.1')).toThrow(refusal);
    expect(blocked).toEqual([{ address: '192.0.2.1', forMs: 40_000 }]);
    clock.now += 40_000;
    expect(begin('192.0.2.1')).not.toThrow();
  });

  it('block neither another address nor another user at the same address', () => {
    const { fail, begin } = startLimit(3);
    fail('192.0.2.1', 'alice', 3);
    expect(begin('192.0.2.1')).toThrow();
    expect(begin('192.0.2.2')).not.toThrow();
    expect(begin('192.0.2.1', 'bob')).not.toThrow();
  });

  it('count while they are being verified, and not when they turn out to be right', () => {
    const { limit, begin } = startLimit(2);
    const attempts = [limit.begin('192.0.2.1', 'alice'), limit.begin('192.0.2.1', 'alice')];
    expect(begin('192.0.2.1')).toThrow();
    attempts[0]?.release('right');
    attempts[0]?.release('right');
    expect(begin('192.0.2.1')).not.toThrow();
    expect(begin('192.0.2.1')).toThrow();
    attempts[1]?.release('unknown');
    expect(begin('192.0.2.1')).not.toThrow();
  });

  it('for many users block the address, except for users who logged in there before', () => {
    const { limit, clock, fail, begin } = startLimit(2);
    limit.begin('192.0.2.1', 'bob').release('right');
    clock.now += 60 * 60_000;
    for (let i = 0; i < 20; i++) fail('192.0.2.1', `user${i}`, 1);
    expect(begin('192.0.2.1', 'carol')).toThrow();
    expect(begin('192.0.2.1', 'bob')).not.toThrow();
    expect(begin('192.0.2.1', 'bob')).not.toThrow();
    expect(begin('192.0.2.1', 'bob')).toThrow(); // who is known has no more tries than others
    expect(begin('192.0.2.2', 'carol')).not.toThrow();
  });

  it('count for the network of an IPv6 address', () => {
    const { fail, begin } = startLimit(1);
    fail('2001:db8::1', 'alice', 1);
    for (const same of ['2001:db8::2', '2001:0db8:0:0:ffff::1', '2001:DB8:0:0:1:2:3:4']) expect(begin(same)).toThrow();
    for (const other of ['2001:db8:0:1::1', '2001:db9::1', '::1', '192.0.2.1']) expect(begin(other)).not.toThrow();
  });

  it('do not count when there is no limit', () => {
    const { fail, begin } = startLimit(0);
    fail('192.0.2.1', 'alice', 1000);
    expect(begin('192.0.2.1')).not.toThrow();
  });
});

describe('verified credentials', () => {
  const identity = { name: 'alice', groups: [] };

  it('are accepted for a minute, and while the users or keys are the same', () => {
    let now = 0;
    const cache = new CredentialCache(() => now);
    const [basis, other] = [{}, {}];
    cache.keep('name', basis, { identity });
    now = 59_999;
    expect([cache.find('name', basis), cache.find('name', other)]).toEqual([identity, undefined]);
    now = 60_000;
    expect(cache.find('name', basis)).toBeUndefined();
    cache.keep('name', basis, { identity, until: now + 10 });
    now += 10;
    expect(cache.find('name', basis)).toBeUndefined();
  });

  it('are named after all of their secrets, without revealing them', () => {
    const cache = new CredentialCache(() => 0);
    expect(cache.nameOf('a', 'bc')).not.toBe(cache.nameOf('ab', 'c'));
    expect(cache.nameOf('a', 'b')).toBe(cache.nameOf('a', 'b'));
    expect(new CredentialCache(() => 0).nameOf('a', 'b')).not.toBe(cache.nameOf('a', 'b'));
  });
});
