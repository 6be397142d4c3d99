import fc from 'fast-check';
import { expect, it } from 'vitest';

import { createNativeHash, createPortableHash, restoreHash } from '../../src/content/running-hash.ts';
import { digestOf } from '../../src/oci/digest.ts';

const algorithm = fc.constantFrom('sha256' as const, 'sha512' as const);
const pieces = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 12 });

it('a hash is that of all bytes so far, however they are split, and continues after it was read', async () => {
  await fc.assert(
    fc.asyncProperty(algorithm, pieces, async (name, split) => {
      for (const hash of [createNativeHash(name), await createPortableHash(name)]) {
        split.forEach((piece, i) => {
          hash.update(piece);
          expect(hash.digest()).toBe(digestOf(Buffer.concat(split.slice(0, i + 1)), name));
        });
        expect(hash.digest()).toBe(digestOf(Buffer.concat(split), name));
      }
    }),
    { numRuns: 40 },
  );
});

it('a saved hash continues from there, any number of times', async () => {
  await fc.assert(
    fc.asyncProperty(algorithm, pieces, async (name, split) => {
      let hash = await createPortableHash(name);
      for (const piece of split) {
        hash.update(piece);
        const restored = await restoreHash(name, hash.save() as string);
        expect(restored?.digest()).toBe(hash.digest());
        if (restored) hash = restored;
      }
      expect(hash.digest()).toBe(digestOf(Buffer.concat(split), name));
    }),
    { numRuns: 40 },
  );
});

it.each(['', 'AAAA', 'not base64!', Buffer.alloc(116).toString('base64')])(
  '%j is not accepted as a saved hash',
  async (text) => {
    expect(await restoreHash('sha256', text)).toBeUndefined();
  },
);

it('the state of one algorithm is not taken for that of another', async () => {
  const saved = (await createPortableHash('sha512')).save() as string;
  expect(await restoreHash('sha256', saved)).toBeUndefined();
});
