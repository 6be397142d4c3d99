import { randomBytes } from 'node:crypto';

import { redisKeys } from './keys.ts';
import type { Redis, RedisOperation } from './redis.ts';

const SHARE: RedisOperation = { name: 'PeerSecret', writes: true, patience: 'background' };

/**
 * A secret that all replicas with the same Redis share. The first replica creates it.
 *
 * @returns a function that reads the secret from Redis once, and returns undefined while Redis is unavailable
 */
export function createPeerSecret(redis: Redis): () => Promise<string | undefined> {
  const proposal = randomBytes(32).toString('hex');
  let known: string | undefined;
  return async () => {
    known ??= await redis.call(
      SHARE,
      async (commands) => {
        await commands.set(redisKeys.peerSecret(), proposal, 'NX');
        return (await commands.get(redisKeys.peerSecret())) ?? undefined;
      },
      undefined,
    );
    return known;
  };
}
