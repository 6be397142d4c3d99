import { describe, expect, it } from 'vitest';

import type { AuthEvents } from '../../src/auth/auth-events.ts';
import { FailureLimit } from '../../src/auth/failure-limit.ts';
import { parseHtpasswd } from '../../src/auth/htpasswd-file.ts';
import { hashPassword, Passwords } from '../../src/auth/passwords.ts';
import { Verified } from '../../src/auth/verified.ts';

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
    ['alice:$apr1$x$y', 'the hash is not bcrypt: make it with htpasswd -B'],
    ['alice:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=', 'the hash is not bcrypt: make it with htpasswd -B'],
    ['alice:plain', 'the hash is not bcrypt: make it with htpasswd -B'],
    [`alice:${HASH}x`, 'the hash is not bcrypt: make it with htpasswd -B'],
    [`alice:${HASH.replace('05', '31')}`, 'the cost of the hash is 31, not 4 to 20'],
    [`alice:${HASH.replace('05', '03')}`, 'the cost of the hash is 3, not 4 to 20'],
  ])('is read without the line %s', (line, reason) => {
    const { users, ignored } = parseHtpasswd(`bob:${HASH}\n${line}\n`);
    expect([[...users.hashes.keys()], ignored]).toEqual([['bob'], [{ line: 2, reason }]]);
  });

  it('counts the last line of a user', () => {
    const { users } = parseHtpasswd(`alice:${HASH}\nalice:${HASH.replace('2y', '2b')}`);
    expect(users.hashes.get('alice')).toBe(HASH.replace('2y', '2b'));
  });
});

describe('passwords', () => {
  it('are right, wrong, or of nobody, whatever they are made of', async () => {
    const passwords = new Passwords();
    const hashed = await hashPassword('pässword');
    expect(await passwords.isRight('pässword', hashed)).toBe(true);
    expect(await passwords.isRight('password', hashed)).toBe(false);
    expect(await passwords.isRight('pässword', undefined)).toBe(false);
    expect(await passwords.isRight('', undefined, 4)).toBe(false);
  });

  it('are looked at a few at a time, and refused when many wait', async () => {
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
  const events = { addressBlocked: () => {} } as unknown as AuthEvents;
  const startLimit = (max: number) => {
    const clock = { now: 1000 };
    const limit = new FailureLimit({ max, events, now: () => clock.now });
    const fail = (address: string, times: number) => Array.from({ length: times }, () => limit.failed(address));
    return { clock, limit, fail, check: (address: string) => () => limit.check(address) };
  };

  it('make an address wait for the rest of the minute', () => {
    const { clock, fail, check } = startLimit(3);
    fail('192.0.2.1', 2);
    expect(check('192.0.2.1')).not.toThrow();
    clock.now += 20_000;
    fail('192.0.2.1', 1);
    expect(check('192.0.2.1')).toThrow(
      expect.objectContaining({ code: 'TOOMANYREQUESTS', options: { retryAfterMs: 40_000 } }),
    );
    expect(check('192.0.2.2')).not.toThrow();
    clock.now += 40_000;
    expect(check('192.0.2.1')).not.toThrow();
  });

  it('count for the network of an IPv6 address', () => {
    const { fail, check } = startLimit(1);
    fail('2001:db8::1', 1);
    for (const same of ['2001:db8::2', '2001:0db8:0:0:ffff::1', '2001:DB8:0:0:1:2:3:4']) expect(check(same)).toThrow();
    for (const other of ['2001:db8:0:1::1', '2001:db9::1', '::1', '192.0.2.1']) expect(check(other)).not.toThrow();
  });

  it('do not count when there is no limit', () => {
    const { fail, check } = startLimit(0);
    fail('192.0.2.1', 1000);
    expect(check('192.0.2.1')).not.toThrow();
  });
});

describe('what was verified', () => {
  const identity = { name: 'alice', groups: [] };

  it('counts for a minute, and while what it was verified by is the same', () => {
    let now = 0;
    const verified = new Verified(() => now);
    const [basis, other] = [{}, {}];
    verified.keep('name', basis, { identity });
    now = 59_999;
    expect([verified.find('name', basis), verified.find('name', other)]).toEqual([identity, undefined]);
    now = 60_000;
    expect(verified.find('name', basis)).toBeUndefined();
    verified.keep('name', basis, { identity, until: now + 10 });
    now += 10;
    expect(verified.find('name', basis)).toBeUndefined();
  });

  it('is named by all of its secrets, and by nothing that tells them', () => {
    const verified = new Verified(() => 0);
    expect(verified.nameOf('a', 'bc')).not.toBe(verified.nameOf('ab', 'c'));
    expect(verified.nameOf('a', 'b')).toBe(verified.nameOf('a', 'b'));
    expect(new Verified(() => 0).nameOf('a', 'b')).not.toBe(verified.nameOf('a', 'b'));
  });
});
