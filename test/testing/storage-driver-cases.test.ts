import { describe, expect, it } from 'vitest';

import type { StorageDriver } from '../../src/storage/driver.ts';
import { createInmemoryDriver } from '../../src/storage/inmemory/inmemory.ts';
import type { StagingArea } from '../../src/storage/staging.ts';
import { storageDriverCases } from '../../src/testing/storage-driver-cases.ts';

type Break = (driver: StorageDriver) => Partial<StorageDriver>;

/** The driver in memory, with some methods replaced. */
function broken(replace: Break): StorageDriver {
  const driver = createInmemoryDriver();
  return override(driver, replace(driver));
}

function override<T extends object>(object: T, changes: Partial<T>): T {
  return new Proxy(object, {
    get(target, property) {
      const value: unknown = Reflect.get(property in changes ? changes : target, property);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

/** Names of the failing cases, with their messages. @param only the name of a case; all of them without it */
async function failuresOf(replace: Break, { only = '', seed = 1 } = {}): Promise<ReadonlyMap<string, string>> {
  const failures = new Map<string, string>();
  const create = async () => {
    const driver = broken(replace);
    return { driver, [Symbol.asyncDispose]: () => driver.close() };
  };
  for (const { name, run } of storageDriverCases(create, { seed }))
    if (only === '' || name === only) await run().catch((err: unknown) => failures.set(name, String(err)));
  return failures;
}

const MUTATIONS: readonly (readonly [mutation: string, failing: string, Break])[] = [
  [
    'whose move leaves the source',
    'moves a file over another',
    (driver) => ({
      move: async (from, to) => driver.writeSmall(to, await driver.readSmall(from, 1000)),
    }),
  ],
  [
    'whose list is not sorted',
    'lists the names directly below a directory, in code point order',
    (driver) => ({ list: async (path) => [...(await driver.list(path))].toReversed() }),
  ],
  [
    'whose listAfter lists everything',
    'lists the names after a text in the same order, in parts of any size',
    (driver) => ({
      listAfter: async function* (path) {
        yield await driver.list(path);
      },
    }),
  ],
  [
    'whose readSmall ignores the limit',
    'rejects reading a file that exceeds the limit',
    (driver) => ({ readSmall: (path) => driver.readSmall(path, Infinity) }),
  ],
  [
    'that accepts every path',
    'rejects the path "/a/../b" in every call',
    () => ({ writeSmall: async () => {}, delete: async () => {} }),
  ],
  [
    'whose adopt keeps the local file',
    'makes a local file the content of a path, and removes the local one',
    (driver) => ({ adopt: async (_, path) => driver.writeSmall(path, Buffer.alloc(200_000)) }),
  ],
  [
    'whose batch writes what was only prepared',
    'shows nothing of a file that was prepared and not written',
    (driver) => ({
      batch: async (work) => {
        const prepared: Promise<void>[] = [];
        const result = await work({
          prepare: (path, bytes) => void prepared.push(driver.writeSmall(path, bytes)),
          writeSmall: (path, bytes) => driver.writeSmall(path, bytes),
          publish: (staged, path) => staged.publish(path),
          relyOn() {},
          async settle() {},
        });
        await Promise.all(prepared);
        return result;
      },
    }),
  ],
  [
    'whose deleteEmpty deletes files',
    'deletes directories without files at any depth, and returns whether nothing is left',
    (driver) => ({ deleteEmpty: (path) => driver.delete(path).then(() => true) }),
  ],
  [
    'that accepts a second holder',
    'allows one holder of a staged file at a time',
    ({ staging }) => ({
      staging: override<StagingArea>(staging, {
        hold: (path) =>
          staging.hold(path).catch(async () => {
            await staging.create('/u/second');
            return staging.hold('/u/second');
          }),
      }),
    }),
  ],
];

describe('the contract suite for storage drivers', () => {
  it('has no two cases of the same name', () => {
    const names = storageDriverCases(() => Promise.reject(new Error('unused'))).map(({ name }) => name);
    expect(names.length).toBeGreaterThan(60);
    expect(new Set(names).size).toBe(names.length);
  });

  it('passes with a correct driver', async () => {
    expect(await failuresOf(() => ({}))).toEqual(new Map());
  });

  it.each(MUTATIONS)('fails with a driver %s', async (_, failing, replace) => {
    expect([...(await failuresOf(replace, { only: failing })).keys()]).toEqual([failing]);
  });

  it('names the generated input that fails, and the seed that repeats it', async () => {
    const skipsAByte: Break = (driver) => ({
      async open(path) {
        const source = await driver.open(path);
        return override(source, { read: ({ start, end }) => source.read({ start: start - (start % 2), end }) });
      },
    });
    const only = 'reads any range';
    const messageFor = async (seed: number) => (await failuresOf(skipsAByte, { only, seed })).get(only);
    const message = await messageFor(7);
    expect(message).toMatch(
      /^Error: the range: \d+ bytes instead of \d+, .* \(input \{"start":\d*[13579],"end":\d+\}, seed 7\)$/,
    );
    expect(await messageFor(7)).toBe(message);
    expect(await messageFor(8)).not.toBe(message);
  });
});
