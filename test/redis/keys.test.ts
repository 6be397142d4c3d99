import fc from 'fast-check';
import { expect, it } from 'vitest';

import { redisKeys } from '../../src/redis/keys.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;

it('uses the same keys as distribution', () => {
  expect(redisKeys.repositoryBlobs('library/app')).toBe('repository::library/app::blobs');
  expect(redisKeys.repositoryDescriptor('library/app', DIGEST)).toBe(`repository::library/app::blobs::${DIGEST}`);
  expect(redisKeys.descriptor(DIGEST)).toBe(`blobs::${DIGEST}`);
});

it('never uses one key for two purposes, and never a key of distribution', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1 }), fc.string({ minLength: 1 }), (a, b) => {
      fc.pre(a !== b);
      const keys = [a, b].flatMap((name) => [redisKeys.lease(name), redisKeys.leaseToken(name)]);
      keys.push(redisKeys.probe(), redisKeys.removedDescriptors());
      expect(new Set(keys).size).toBe(keys.length);
      for (const key of keys) expect(key).toMatch(/^layover:v1:/);
    }),
  );
});

it('gives the keys of one lease the same hash tag, for every name', () => {
  // The text between the first brace and the next closing one is hashed.
  const tagOf = (key: string) => /\{(.+?)\}/.exec(key)?.[1];
  fc.assert(
    fc.property(fc.string({ minLength: 1 }), (name) => {
      expect(tagOf(redisKeys.lease(name))).toBe(encodeURIComponent(name));
      expect(tagOf(redisKeys.leaseToken(name))).toBe(encodeURIComponent(name));
    }),
  );
});
