import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import { redisKeys } from './keys.ts';
import type { Redis, RedisCommands, RedisOperation } from './redis.ts';

const ANNOUNCE: RedisOperation = { name: 'RecallAnnounce', writes: true, patience: 'background' };
const CONFIRM: RedisOperation = { name: 'RecallConfirm', writes: true, patience: 'background' };
const CONFIRMED_SECONDS = 60;
/** How long replicas have to confirm. Milliseconds. */
const PATIENCE_MS = 5_000;
const INTERVAL_MS = 25;

/** Notifies replicas that share this Redis when digests are recalled, and when a recall ends. */
export function createRecallChannel(redis: Redis) {
  return {
    /**
     * Each listener, the own one included, counts in the key of the announcement. On a cluster, Redis knows the listeners of one node alone.
     *
     * @returns whether all have
     */
    async announce(): Promise<boolean> {
      const id = randomUUID();
      const listeners = await redis.call(ANNOUNCE, (it) => it.publish(redisKeys.recalls(), id), undefined);
      if (listeners === undefined) return false;
      const key = redisKeys.recallConfirmed(id);
      for (let waitedMs = 0; waitedMs < PATIENCE_MS; waitedMs += INTERVAL_MS) {
        if (Number(await redis.call(CONFIRM, (it) => it.get(key), undefined)) >= listeners) return true;
        await sleep(INTERVAL_MS);
      }
      return false;
    },
    listen(onAnnounced: () => Promise<boolean>): void {
      const confirm = async (id: string) => {
        if (!(await onAnnounced())) return;
        const key = redisKeys.recallConfirmed(id);
        const count = (it: RedisCommands) => Promise.all([it.incr(key), it.expire(key, CONFIRMED_SECONDS)]);
        await redis.call(CONFIRM, count, undefined);
      };
      redis.listen(redisKeys.recalls(), {
        onMessage: (id) => void confirm(id),
        onGap: () => void onAnnounced(),
      });
    },
  };
}
