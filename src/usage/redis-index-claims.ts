import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import type { Digest } from '../oci/digest.ts';
import { redisKeys } from '../redis/keys.ts';
import { takeLease } from '../redis/lease.ts';
import type { Redis } from '../redis/redis.ts';
import { packDigest } from './index-keys.ts';
import { IndexUnavailableError } from './index-unavailable.ts';
import { LINK, type RedisIndexCalls, WRITE } from './redis-index-calls.ts';
import { referenceArguments, useArguments } from './redis-index-codec.ts';
import { beginLinkScript, claimScript, endLinkScript } from './redis-index-scripts.ts';
import { ClaimLostError, type RemovalClaim, type Use } from './usage-index.ts';

/** Milliseconds. */
const LINK_TTL_MS = 60_000;
const CLAIM_TTL_MS = 5_000;
const CLAIMED_POLL_MS = 25;

/** Links and removals of digests: of all processes with the index, never both at once for one digest. */
export class RedisIndexClaims {
  readonly #redis: Redis;
  readonly #calls: RedisIndexCalls;
  readonly #prefix = redisKeys.index();

  constructor(redis: Redis, calls: RedisIndexCalls) {
    this.#redis = redis;
    this.#calls = calls;
  }

  /** @throws {IndexUnavailableError} also when another process is removing the digest for too long */
  async beginLink(use: Use & { readonly size: number }): Promise<() => Promise<void>> {
    const owner = randomUUID();
    const packed = packDigest(use.digest);
    const linking = redisKeys.linking(packed);
    const [, , , , at] = useArguments(use);
    const what = [...referenceArguments(use), use.size, at ?? 0];
    const begin = {
      keys: [this.#prefix, redisKeys.removal(packed), linking],
      args: [owner, LINK_TTL_MS, ...what],
    } as const;
    // A removal takes a moment. The claim of a killed process lasts until its TTL.
    for (let waitedMs = 0; (await this.#calls.run(LINK, beginLinkScript, begin)) === 0; waitedMs += CLAIMED_POLL_MS) {
      if (waitedMs > 2 * CLAIM_TTL_MS) throw new IndexUnavailableError(`${use.digest} is being removed`);
      await sleep(CLAIMED_POLL_MS);
    }
    const end = { keys: [this.#prefix, linking], args: [owner, ...what] } as const;
    return async () => void (await this.#calls.run(WRITE, endLinkScript, end));
  }

  /** @returns undefined while another process links or removes the digest */
  async claim(digest: Digest): Promise<RemovalClaim | undefined> {
    const packed = packDigest(digest);
    const key = redisKeys.removal(packed);
    const lease = await takeLease(this.#redis, { key, ttlMs: CLAIM_TTL_MS }, async (owner) => {
      const input = { keys: [this.#prefix, key, redisKeys.linking(packed)], args: [owner, CLAIM_TTL_MS] } as const;
      return (await this.#calls.run(WRITE, claimScript, input)) === 1;
    });
    return (
      lease && {
        assertHeld() {
          if (lease.lost.aborted) throw new ClaimLostError(`${digest} was claimed for too long`);
        },
        release: () => lease.release(),
      }
    );
  }
}
