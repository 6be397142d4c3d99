import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';

import { withDeadline } from '../../src/redis/deadline.ts';
import { RedisDeadlineError } from '../../src/redis/failure.ts';
import { RedisServer } from '../support/redis.ts';
import { missing } from './redis-under-test.ts';

it('passes on a result or an error before the deadline', async () => {
  expect(await withDeadline(Promise.resolve(1), 1_000)).toBe(1);
  await expect(withDeadline(Promise.reject(new Error('no')), 1_000)).rejects.toThrow('no');
});

it('rejects at the deadline, and ignores a later error', async () => {
  const late = delay(50).then(() => Promise.reject(new Error('late')));
  await expect(withDeadline(late, 5)).rejects.toThrow(new RedisDeadlineError(5));
  await expect(late).rejects.toThrow('late');
});

it.skipIf(missing)('accepts a reply that arrived in time while the process was too busy to read it', async () => {
  await using server = await RedisServer.start();
  await server.admin.set('a', '1');
  const work = server.admin.get('a');
  const reply = withDeadline(work, 10);
  const busyUntil = performance.now() + 100;
  while (performance.now() < busyUntil);
  expect(await reply).toBe('1');
});
