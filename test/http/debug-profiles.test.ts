import { expect, it } from 'vitest';

import { isLocal } from '../../src/http/debug-profiles.ts';

it.each([
  ['127.0.0.1', true],
  ['127.8.9.10', true],
  ['::1', true],
  ['::ffff:127.0.0.1', true],
  [undefined, true],
  ['10.127.0.1', false],
  ['192.0.2.127', false],
  ['::ffff:192.0.2.1', false],
  ['2001:db8::1', false],
  ['', false],
])('whoever asks from %s is on this machine: %s', (address, local) => {
  expect(isLocal(address)).toBe(local);
});
