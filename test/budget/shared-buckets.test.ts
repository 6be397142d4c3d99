import { describe, expect, it, onTestFinished } from 'vitest';

import { Governor } from '../../src/budget/governor.ts';
import type { Buckets } from '../../src/budget/buckets.ts';
import { SharedBuckets } from '../../src/budget/shared-buckets.ts';
import { configFor, connect, missing } from '../redis/redis-under-test.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { RedisServer } from '../support/redis.ts';
import { ignoredBudgetEvents, POLICY, pullOf } from './governing.ts';

const LIMIT = { limit: 20, windowMs: 3_600_000 };

async function replica(address: string, clock: FakeClock): Promise<Governor> {
  const tested = await connect(configFor(address, { deadlineMs: 2_000 }));
  onTestFinished(() => tested[Symbol.asyncDispose]());
  await tested.becomes('up');
  return governorOn(new SharedBuckets(tested.redis, 'docker.io'), clock);
}

function governorOn(buckets: Buckets, clock: FakeClock): Governor {
  const policy = { ...POLICY, assume: LIMIT };
  return new Governor({
    upstream: 'docker.io',
    members: [{ name: 'ci' }],
    policy,
    buckets,
    clock,
    events: ignoredBudgetEvents(),
  });
}

if (missing) console.warn(`${missing}: the tests of shared buckets are skipped`);

describe.skipIf(missing)('replicas with one Redis', () => {
  it('spend one bucket once, whatever number of clients race', async () => {
    await using server = await RedisServer.start();
    const clock = new FakeClock();
    const replicas = [await replica(server.address, clock), await replica(server.address, clock)];
    const pulls = replicas.flatMap((one) => Array.from({ length: 25 }, (_, i) => one.admit(pullOf(`c${i}`))));
    const outcomes = await Promise.all(pulls);
    expect(outcomes.filter(({ isAdmitted }) => isAdmitted)).toHaveLength(LIMIT.limit);
  });

  it('go on alone when it dies, with what they know', async () => {
    await using server = await RedisServer.start();
    const clock = new FakeClock();
    const [one, two] = [await replica(server.address, clock), await replica(server.address, clock)];
    for (let i = 0; i < 6; i++) await one.admit(pullOf(`c${i}`));
    expect((await two.admit(pullOf('x'))).isAdmitted).toBe(true);
    expect(two.bucketOf('ci').left).toBe(LIMIT.limit - 7);
    await server[Symbol.asyncDispose]();
    expect((await two.admit(pullOf('y'))).isAdmitted).toBe(true);
    expect(two.bucketOf('ci').left).toBe(LIMIT.limit - 8);
  });
});
