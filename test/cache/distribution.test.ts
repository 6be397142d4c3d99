import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';

import { DescriptorCache } from '../../src/cache/descriptor-cache.ts';
import { digestOf } from '../../src/oci/digest.ts';
import { imageFixture } from '../content/image-fixture.ts';
import { pushFixture } from '../content/docker-registry.ts';
import { configFor, connect } from '../redis/redis-under-test.ts';
import { freePort, RunningProcess, waitForPort } from '../support/processes.ts';
import { findProgram, missingPrograms, programEnvironment } from '../support/programs.ts';
import { RedisServer, until } from '../support/redis.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const missing = await missingPrograms(['redis-server', 'docker-registry']);

/** Distribution 2, with its descriptors in Redis. */
async function startDistribution(redisAddress: string) {
  const program = (await findProgram('docker-registry')) ?? '';
  const directory = await temporaryDirectory();
  const port = await freePort();
  const config = join(directory.path, 'config.yml');
  const storage = {
    filesystem: { rootdirectory: join(directory.path, 'data') },
    cache: { blobdescriptor: 'redis' },
    delete: { enabled: true },
  };
  const http = { addr: `127.0.0.1:${port}` };
  await writeFile(config, stringify({ version: 0.1, storage, http, redis: { addr: redisAddress } }));
  const process = await RunningProcess.start(program, ['serve', config], { env: programEnvironment() });
  await waitForPort(port, process);
  return {
    url: `http://127.0.0.1:${port}`,
    process,
    async [Symbol.asyncDispose]() {
      await process.stop();
      await directory[Symbol.asyncDispose]();
    },
  };
}

async function scene() {
  const server = await RedisServer.start();
  const distribution = await startDistribution(server.address);
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
      await server[Symbol.asyncDispose]();
    },
  };
}

describe.skipIf(missing.length > 0)('one Redis for distribution and us', () => {
  it('tells us what distribution has stored', async () => {
    await using all = await scene();
    const fixture = imageFixture();
    await pushFixture(all.distribution.url, 'library/app', fixture);
    const cache = all.createCache();
    for (const { digest, bytes } of fixture.blobs) {
      expect(await cache.get('library/app', digest)).toMatchObject({ digest, size: bytes.length });
      expect(await cache.get('library/other', digest)).toBe(undefined);
    }
  });

  it('tells distribution what we have stored, and what we no longer have', async () => {
    await using all = await scene();
    const digest = digestOf(Buffer.from('only a descriptor'));
    const url = `${all.distribution.url}/v2/library/app/blobs/${digest}`;
    expect((await fetch(url, { method: 'HEAD' })).status).toBe(404);
    const cache = all.createCache();
    cache.set('library/app', digest, 12_345);
    await until(async () => (await all.server.admin.exists('repository::library/app::blobs')) === 1);
    // It has no such file, so that this is known from our descriptor alone.
    const answer = await fetch(url, { method: 'HEAD' });
    expect([answer.status, answer.headers.get('content-length')]).toEqual([200, '12345']);
    cache.remove('library/app', digest);
    await until(async () => (await all.server.admin.dbsize()) === 0);
    expect((await fetch(url, { method: 'HEAD' })).status).toBe(404);
    expect(all.distribution.process.output).not.toMatch(/error from cache|nil returned/);
  });

  it('follows what distribution removes', async () => {
    await using all = await scene();
    const fixture = imageFixture();
    await pushFixture(all.distribution.url, 'library/app', fixture);
    const [layer] = fixture.blobs;
    const deleted = await fetch(`${all.distribution.url}/v2/library/app/blobs/${layer?.digest}`, { method: 'DELETE' });
    expect(deleted.status).toBe(202);
    expect(await all.createCache().get('library/app', layer?.digest ?? digestOf(Buffer.alloc(0)))).toBe(undefined);
  });
});
