import { z } from 'zod';
import { duration, signedDuration } from './duration.ts';
import { bool, integer } from './number.ts';

const pool = z.strictObject({
  maxidle: integer('Idle connections.').optional(),
  maxactive: integer('Connections.').optional(),
  idletimeout: duration('Close an idle connection after.').optional(),
});

const integers = <const K extends string>(keys: readonly K[]) =>
  sameType(keys, () => integer('Not honoured.').optional());
const durations = <const K extends string>(keys: readonly K[]) =>
  sameType(keys, () => signedDuration('Not honoured.').optional());
const flags = <const K extends string>(keys: readonly K[]) => sameType(keys, () => bool('Not honoured.').optional());

function sameType<K extends string, T>(keys: readonly K[], create: () => T): Record<K, T> {
  return Object.fromEntries(keys.map((key) => [key, create()])) as Record<K, T>;
}

/** Keys of distribution's client that Layover reads and ignores, see `support.ts`. */
export const unusedRedisKeys = {
  pool: pool.optional(),
  ...integers(['maxretries', 'poolsize', 'minidleconns', 'maxidleconns', 'maxactiveconns']),
  ...durations(['minretrybackoff', 'maxretrybackoff', 'writetimeout', 'pooltimeout']),
  ...durations(['connmaxidletime', 'connmaxlifetime']),
  ...flags(['contexttimeoutenabled', 'poolfifo', 'readonly', 'routebylatency', 'routerandomly', 'unstableresp3']),
};
