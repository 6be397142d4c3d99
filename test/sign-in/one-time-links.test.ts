import { expect, it } from 'vitest';

import { OneTimeLinks } from '../../src/sign-in/one-time-links.ts';

it('a link is valid once, and for a minute', () => {
  let now = 0;
  const links = new OneTimeLinks(() => now);
  const [first, second] = [links.create(), links.create()];
  expect(first.until).toBe(60_000);
  expect([links.redeem(first.code), links.redeem(first.code), links.redeem('other')]).toEqual([true, false, false]);
  now = 60_000;
  expect(links.redeem(second.code)).toBe(false);
});

it('only the newest hundred links are kept', () => {
  const links = new OneTimeLinks(() => 0);
  const made = Array.from({ length: 101 }, () => links.create().code);
  expect([made[0], made[1], made[100]].map((code) => links.redeem(String(code)))).toEqual([false, true, true]);
});
