import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { RedisPulls } from '../../src/audit/redis-pulls.ts';
import { redisKeys } from '../../src/redis/keys.ts';
import { configFor, connect, missing } from '../redis/redis-under-test.ts';
import { RedisServer } from '../support/redis.ts';
import { batchOf, describePullStore, pullAt, pullsUntil } from './pull-store-contract.ts';

if (missing) console.warn(`${missing}: the tests of the record in Redis are skipped`);

const KEEP = { keepMs: 3_600_000 };

describe.skipIf(missing)('with a real server', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await RedisServer.start();
  });
  afterAll(() => server[Symbol.asyncDispose]());

  async function open() {
    const connected = await connect(configFor(server.address, { deadlineMs: 1_000 }));
    await connected.becomes('up');
    return {
      store: new RedisPulls(connected.redis, KEEP),
      failures: connected.failures,
      [Symbol.asyncDispose]: () => connected[Symbol.asyncDispose](),
    };
  }

  describePullStore('the record in Redis', async () => {
    await server.admin.flushall();
    return open();
  });

  it('expires as a whole when there are no more pulls', async () => {
    await using opened = await open();
    await opened.store.append(batchOf([pullAt(Date.now())]));
    const left = await server.admin.pttl(redisKeys.pulls());
    expect(left).toBeGreaterThan(KEEP.keepMs / 2);
    expect(left).toBeLessThanOrEqual(KEEP.keepMs);
  });

  it('does not record a batch twice that was sent twice, as when its reply was late', async () => {
    await server.admin.flushall();
    await using opened = await open();
    const batch = batchOf(pullsUntil(Date.now(), 250));
    await opened.store.append(batch);
    await opened.store.append(batch);
    expect(await opened.store.read({ limit: 1_000 })).toHaveLength(250);
  });

  it('takes no more memory than it may', async () => {
    await server.admin.flushall();
    await using opened = await open();
    for (let i = 0; i < 10; i++) {
      await opened.store.append(batchOf(pullsUntil(Date.now(), 1_000)));
      await opened.store.trim({ now: Date.now(), keepMs: 3_600_000, maxBytes: 1_000_000 });
    }
    expect(await server.admin.memory('USAGE', redisKeys.pulls(), 'SAMPLES', 0)).toBeLessThan(1_300_000);
    expect(opened.failures).toEqual([]);
  });

  it('skips entries that another program wrote', async () => {
    await server.admin.flushall();
    await using opened = await open();
    await server.admin.xadd(redisKeys.pulls(), '*', 'r', '{not json');
    await server.admin.xadd(redisKeys.pulls(), '*', 'other', 'x');
    await opened.store.append(batchOf([pullAt(Date.now(), 7)]));
    const found = await opened.store.read({ limit: 10 });
    expect(found.map(({ record }) => record?.reference)).toEqual(['tag-7', undefined, undefined]);
  });

  it('is unavailable when Redis is', async () => {
    await using stopped = await RedisServer.start();
    await using connected = await connect(configFor(stopped.address, { deadlineMs: 1_000 }));
    await connected.becomes('up');
    await stopped.kill();
    await connected.becomes('down');
    const store = new RedisPulls(connected.redis, KEEP);
    await expect(store.append(batchOf([pullAt(1)]))).rejects.toMatchObject({ reason: 'unavailable' });
    await expect(store.read({ limit: 1 })).rejects.toMatchObject({ reason: 'unavailable' });
  });
});
