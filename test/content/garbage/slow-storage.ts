import { setImmediate as turn } from 'node:timers/promises';

import type { StorageDriver } from '../../../src/storage/driver.ts';

/** Most turns of the event loop before a call takes effect, and again before its caller continues. */
const MAX_TURNS = 3;

const CALLS = ['stat', 'open', 'readSmall', 'writeSmall', 'list', 'move', 'delete', 'deleteEmpty'] as const;

/**
 * A storage whose calls take some turns of the event loop, so that those of several callers come in any order, as on a disk.
 *
 * @param random a number from 0 to below its argument
 */
export function slowStorage(driver: StorageDriver, random: (below: number) => number): StorageDriver {
  const pass = async () => {
    for (let turns = random(MAX_TURNS + 1); turns > 0; turns--) await turn();
  };
  const slow = <T extends object>(object: T, names: readonly (keyof T)[]): T => {
    for (const name of names) {
      const call = object[name] as (...args: unknown[]) => Promise<unknown>;
      const slowed = async (...args: unknown[]) => {
        await pass();
        return call.apply(object, args).finally(pass);
      };
      object[name] = slowed as T[typeof name];
    }
    return object;
  };
  const hold = driver.staging.hold.bind(driver.staging);
  driver.staging.hold = async (path) => slow(await hold(path), ['write', 'keep', 'release', 'publish']);
  slow(driver.staging, ['create', 'size']);
  return slow(driver, CALLS);
}
