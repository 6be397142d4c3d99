import { randomBytes } from 'node:crypto';

import { redisKeys } from './keys.ts';
import type { Redis, RedisOperation } from './redis.ts';

const SHARE: RedisOperation = { name: 'PeerSecret', writes: true, patience: 'background' };

/**
 * What all replicas that use the same Redis know, and nobody else: the first one makes it up.
 *
 * @returns asks Redis once; undefined while it cannot be asked
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
