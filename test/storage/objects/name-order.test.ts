import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { inNameOrder } from '../../../src/storage/objects/name-order.ts';

/** Directories as a store lists them: by their keys, so many at a time, from the first key after `after`. */
async function* listed(names: readonly string[], after: string, size: number) {
  const keys = names
    .map((name) => `${name}/`)
    .filter((key) => key > after)
    .sort();
  for (let start = 0; start < keys.length; start += size) yield keys.slice(start, start + size);
}

async function ordered(names: readonly string[], after: string, size: number) {
  const checked: string[] = [];
  const given: string[] = [];
  const hasDirectory = async (name: string) => (checked.push(name), names.includes(name));
  for await (const part of inNameOrder(listed(names, after, size), { after, hasDirectory })) given.push(...part);
  return { given, checked };
}

describe('the names in an object store', () => {
  it('are in their own order, each once, whatever they are and however many fit on a page', async () => {
    const name = fc.stringMatching(/^[a1_][a1_.+-]{0,4}$/);
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(name, { maxLength: 20 }),
        fc.oneof(name, fc.constant('')),
        fc.integer({ min: 1, max: 6 }),
        async (names, after, size) => {
          const { given } = await ordered(names, after, size);
          expect(given).toEqual(names.filter((each) => each > after).sort());
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it('are checked once for each beginning that the store may list later, and not at all for hexadecimal names', async () => {
    const tags = Array.from({ length: 100 }, (_, i) => `2.${Math.floor(i / 10)}.${i % 10}`);
    const { checked } = await ordered(tags, '', 10);
    expect(checked.length).toBe(11);
    expect((await ordered(['aa', 'ab', 'b0'], '', 2)).checked).toEqual([]);
  });
});
