import { describe, expect, it } from 'vitest';

import { DescriptorCache } from '../../src/cache/descriptor-cache.ts';
import { digestOf } from '../../src/oci/digest.ts';
import { imageFixture } from '../content/image-fixture.ts';
import { pushFixture } from '../content/push-fixture.ts';
import { configFor, connect } from '../redis/redis-under-test.ts';
import { startDockerRegistry } from '../support/docker-registry.ts';
import { findProgram, missingPrograms } from '../support/programs.ts';
import { RedisServer, until } from '../support/redis.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const missing = await missingPrograms(['redis-server', 'docker-registry']);

/** Starts distribution 2 with its descriptors in Redis. */
async function startDistribution(redisAddress: string, rootdirectory: string) {
  const program = (await findProgram('docker-registry')) ?? '';
  const cache = { blobdescriptor: 'redis' };
  const storage = { filesystem: { rootdirectory }, cache, delete: { enabled: true } };
  return startDockerRegistry(program, { log: { level: 'info' }, storage, redis: { addr: redisAddress } });
}

async function scene() {
  const server = await RedisServer.start();
  const directory = await temporaryDirectory();
  const distribution = await startDistribution(server.address, directory.path);
  const redis = await connect(configFor(server.address, { deadlineMs: 500 }));
  await redis.becomes('up');
  const events = { descriptorLookedUp: () => {}, sharedCacheAccessed: () => {} };
  return {
    server,
    distribution,
    createCache: () => new DescriptorCache({ maxEntries: 100, redis: redis.redis, events }),
    async [Symbol.asyncDispose]() {
      await redis[Symbol.asyncDispose]();
      await distribution[Symbol.asyncDispose]();
      await directory[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

describe.skipIf(missing.length > 0)('a Redis shared with distribution', () => {
  it('has descriptors that distribution stored', async () => {
    await using all = await scene();
    const fixture = imageFixture();
    await pushFixture(all.distribution.url, 'library/app', fixture);
    const cache = all.createCache();
    for (const { digest, bytes } of fixture.blobs) {
      expect(await cache.get('library/app', digest)).toMatchObject({ digest, size: bytes.length });
      expect(await cache.get('library/other', digest)).toBe(undefined);
    }
  });

  it('makes descriptors of Layover visible to distribution, and their removal', async () => {
    await using all = await scene();
    const digest = digestOf(Buffer.from('only a descriptor'));
    const url = `${all.distribution.url}/v2/library/app/blobs/${digest}`;
    expect((await fetch(url, { method: 'HEAD' })).status).toBe(404);
    const cache = all.createCache();
    cache.set('library/app', digest, 12_345);
    await until(async () => (await all.server.admin.exists('repository::library/app::blobs')) === 1);
    // Distribution has no such file, so it uses the descriptor.
    const response = await fetch(url, { method: 'HEAD' });
    expect([response.status, response.headers.get('content-length')]).toEqual([200, '12345']);
    cache.remove('library/app', digest);
    await until(async () => (await all.server.admin.dbsize()) === 0);
    expect((await fetch(url, { method: 'HEAD' })).status).toBe(404);
    expect(all.distribution.output).not.toMatch(/error from cache|nil returned/);
  });

  it('no longer has descriptors that distribution removed', async () => {
    await using all = await scene();
    const fixture = imageFixture();
    await pushFixture(all.distribution.url, 'library/app', fixture);
    const [layer] = fixture.blobs;
    const deleted = await fetch(`${all.distribution.url}/v2/library/app/blobs/${layer?.digest}`, { method: 'DELETE' });
    expect(deleted.status).toBe(202);
    expect(await all.createCache().get('library/app', layer?.digest ?? digestOf(Buffer.alloc(0)))).toBe(undefined);
  });
});
