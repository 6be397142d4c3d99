import { redisKeys } from './keys.ts';
import type { Redis, RedisOperation } from './redis.ts';

const ANNOUNCE: RedisOperation = { name: 'RecallAnnounce', writes: true, patience: 'background' };

/** Notifies replicas that share this Redis when digests are recalled, and when a recall ends. */
export function createRecallChannel(redis: Redis) {
  return {
    async announce(): Promise<void> {
      await redis.call(ANNOUNCE, (commands) => commands.publish(redisKeys.recalls(), ''), undefined);
    },
    listen(onAnnounced: () => void): void {
      redis.listen(redisKeys.recalls(), { onMessage: onAnnounced, onGap: onAnnounced });
    },
  };
}
