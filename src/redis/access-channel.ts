import { redisKeys } from './keys.ts';
import type { Redis, RedisOperation } from './redis.ts';

const ANNOUNCE: RedisOperation = { name: 'AccessForget', writes: true, patience: 'background' };

/** Notifies replicas that share this Redis of decisions that were removed. */
export function createAccessChannel(redis: Redis) {
  return {
    /** @returns false while Redis is unavailable */
    async announce(message: string): Promise<boolean> {
      const announced = await redis.call(ANNOUNCE, (it) => it.publish(redisKeys.accessForgotten(), message), undefined);
      return announced !== undefined;
    },
    /** @param onGap messages may have been missed */
    listen(onMessage: (message: string) => void, onGap: () => void): void {
      redis.listen(redisKeys.accessForgotten(), { onMessage, onGap });
    },
  };
}
