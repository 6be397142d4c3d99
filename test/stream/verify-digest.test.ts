import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, it } from 'vitest';

import { digestOf } from '../../src/oci/digest.ts';
import { DigestMismatchError, verifyDigest } from '../../src/stream/verify-digest.ts';

/** One buffer for all chunks, as sources may use it. */
async function* reused(bytes: Buffer, sizes: readonly number[]): AsyncGenerator<Buffer> {
  const memory = Buffer.alloc(100);
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const length = bytes.copy(memory, 0, at, at + (sizes[i % sizes.length] ?? 1));
    yield memory.subarray(0, length);
    memory.fill(0);
    at += length;
  }
}

async function passed(sent: Buffer, sizes: readonly number[], expected: Buffer) {
  const chunks: Buffer[] = [];
  const options = { digest: digestOf(expected), hash: createHash('sha256'), length: expected.length };
  const failure = await (async () => {
    for await (const chunk of verifyDigest(reused(sent, sizes), options)) chunks.push(Buffer.from(chunk));
  })().catch((err: unknown) => err);
  return { bytes: Buffer.concat(chunks), failure };
}

const arbitraryBytes = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));
const arbitrarySizes = fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 5 });

it('right bytes pass', async () => {
  await fc.assert(
    fc.asyncProperty(arbitraryBytes, arbitrarySizes, async (bytes, sizes) => {
      expect(await passed(bytes, sizes, bytes)).toEqual({ bytes, failure: undefined });
    }),
  );
});

it('of wrong bytes, the last chunk does not pass; of too many, none beyond the length', async () => {
  await fc.assert(
    fc.asyncProperty(arbitraryBytes, arbitraryBytes, arbitrarySizes, async (sent, expected, sizes) => {
      fc.pre(!sent.equals(expected));
      const { bytes, failure } = await passed(sent, sizes, expected);
      expect(failure).toBeInstanceOf(DigestMismatchError);
      expect(bytes.length < expected.length || bytes.equals(expected)).toBe(true);
    }),
  );
});
