import { describe, expect, it } from 'vitest';

import { sharedHub } from '../integration/scene.ts';
import { expectNothingBroken, expectStored } from '../integration/stored-data.ts';
import { Images } from '../support/images.ts';
import { cacheCommand } from './command.ts';
import { pullImage, startExpiringCache, storedOf } from './expiring-cache.ts';

const images = new Images();
const image = images.addImage('library/app', 'latest', { layers: [4096] });
const everything = [image.digest, image.config, ...image.layers];
const hub = sharedHub(images);

describe('two processes on one directory, as while a new one takes over', () => {
  it.each(['SIGTERM', 'SIGKILL'] as const)(
    'both serve, one does the housekeeping, and the other takes over when that one ends by %s',
    async (signal) => {
      await using first = await startExpiringCache(hub(), { ownProcess: true, proxy: { ttl: '4s' } });
      const { dataDirectory } = first;
      await using second = await startExpiringCache(hub(), { ownProcess: true, dataDirectory, proxy: { ttl: '4s' } });
      const pulling = { tag: 'latest', layers: [image.config, ...image.layers] };
      await pullImage(second, 'library/app', pulling);
      await expectStored(second, everything);
      await first.kill(signal);
      await expect
        .poll(async () => (await cacheCommand(first, 'cache', 'stats', '--json')).code, {
          timeout: 20_000,
          interval: 200,
        })
        .toBe(0);
      await pullImage(second, 'library/app', pulling);
      await expect.poll(() => storedOf(second, everything), { timeout: 20_000, interval: 100 }).toEqual([]);
      await expectNothingBroken(second);
    },
  );
});
