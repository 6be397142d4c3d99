import { randomUUID } from 'node:crypto';

import type { Clock } from '../clock/clock.ts';
import { type Descriptor, OCTET_STREAM } from '../oci/descriptor.ts';
import { type Digest, digestAlgorithm, isDigest } from '../oci/digest.ts';
import { redisKeys } from '../redis/keys.ts';
import type { Redis, RedisCommands, RedisOperation } from '../redis/redis.ts';
import { createCountedCache } from './lru.ts';

/** Events for metrics. */
export interface DescriptorCacheEvents {
  /** Once per lookup. `error`: not in memory, and Redis was unavailable. */
  descriptorLookedUp(result: 'hit' | 'miss' | 'error'): void;
  /** Once per read or write in Redis, with the name of the operation in distribution. */
  sharedCacheAccessed(event: {
    readonly operation: 'RepoStat' | 'RepoSetDescriptor';
    readonly durationMs: number;
  }): void;
}

export interface DescriptorCacheOptions {
  /** Limit for descriptors in memory. */
  readonly maxEntries: number;
  /** Absent: descriptors are only in memory, without an age limit. */
  readonly redis: Redis | undefined;
  readonly events: DescriptorCacheEvents;
  /** @default the clock of the system */
  readonly clock?: Pick<Clock, 'monotonic'>;
}

/** Called when other processes remove content, so that it can be removed from other caches in memory. */
export interface RemovalListener {
  removed(repository: string, digest: Digest): void;
  /** Messages about removals may have been lost. */
  missed(): void;
}

/** Longest time for which a descriptor in memory may be outdated when the message about its removal is lost. Milliseconds. */
const MAX_STALENESS_MS = 10_000;
/** Lifetime of a descriptor in Redis; afterwards it is read from the storage again. Seconds. */
const SHARED_TTL_SECONDS = 86_400;

const STAT: RedisOperation = { name: 'RepoStat', writes: false, patience: 'pull' };
const SET: RedisOperation = { name: 'RepoSetDescriptor', writes: true, patience: 'background' };
const CLEAR: RedisOperation = { name: 'RepoClear', writes: true, patience: 'background' };

const UNAVAILABLE = Symbol('unavailable');

/**
 * Caches which repository has which blob, and its size: in memory, and behind that in Redis with the keys of distribution.
 * Entries can be outdated: code that does not find the blob in the storage calls {@link remove}.
 */
export class DescriptorCache {
  readonly #redis: Redis | undefined;
  readonly #events: DescriptorCacheEvents;
  readonly #memory;
  /** Identifies this process's own messages. */
  readonly #sender = randomUUID();
  readonly #listeners = new Set<RemovalListener>();

  constructor({ maxEntries, redis, events, clock }: DescriptorCacheOptions) {
    this.#redis = redis;
    this.#events = events;
    this.#memory = createCountedCache<Descriptor>({
      maxEntries,
      ...(redis && { ttlMs: MAX_STALENESS_MS, now: clock?.monotonic }),
    });
    redis?.listen(redisKeys.removedDescriptors(), {
      onMessage: (message) => this.#removedElsewhere(message),
      onGap: () => {
        this.#memory.clear();
        for (const listener of this.#listeners) listener.missed();
      },
    });
  }

  /** Calls the listener for every removal by another process, from now on. */
  subscribe(listener: RemovalListener): void {
    this.#listeners.add(listener);
  }

  /** Without I/O, and without counting it as a look-up. */
  inMemory(repository: string, digest: Digest): Descriptor | undefined {
    return this.#memory.get(keyOf(repository, digest));
  }

  /** @returns undefined when the blob is not cached; waits for Redis at most for the deadline of a pull */
  async get(repository: string, digest: Digest): Promise<Descriptor | undefined> {
    const known = this.#memory.get(keyOf(repository, digest));
    const shared = known ?? (await this.#find(repository, digest));
    this.#events.descriptorLookedUp(shared === UNAVAILABLE ? 'error' : shared === undefined ? 'miss' : 'hit');
    if (shared === undefined || shared === UNAVAILABLE) return undefined;
    if (!known) this.#memory.set(keyOf(repository, digest), shared);
    return shared;
  }

  /** Adds a blob that is in the storage. Redis is updated in the background, unless the entry was already in memory. */
  set(repository: string, digest: Digest, size: number): void {
    const key = keyOf(repository, digest);
    if (this.#memory.get(key)?.size === size) return;
    this.#memory.set(key, { digest, size, mediaType: OCTET_STREAM });
    void this.#share(repository, digest, size);
  }

  /** Removes a blob that is not in the repository. Redis is updated in the background; a removed entry is announced to other processes. */
  remove(repository: string, digest: Digest): void {
    this.#memory.delete(keyOf(repository, digest));
    void this.#clear(repository, digest);
  }

  /** Like {@link remove}, for content of any kind, and announced to other processes in any case. */
  forget(repository: string, digest: Digest): void {
    this.remove(repository, digest);
    void this.#redis?.call(CLEAR, (commands) => this.#publish(commands, repository, digest), undefined);
  }

  /** Like distribution, reads the membership and the descriptor. Both commands are sent at once, each to the node that has its key. */
  async #find(repository: string, digest: Digest): Promise<Descriptor | typeof UNAVAILABLE | undefined> {
    if (!this.#redis) return undefined;
    const reply = await this.#timed('RepoStat', this.#redis, (redis) =>
      redis.call(
        STAT,
        (commands) =>
          Promise.all([
            commands.sismember(redisKeys.repositoryBlobs(repository), digest),
            commands.hmget(redisKeys.descriptor(digest), 'digest', 'size'),
          ]),
        UNAVAILABLE,
      ),
    );
    if (reply === UNAVAILABLE) return UNAVAILABLE;
    const [isMember, [target, size]] = reply;
    return isMember === 1 ? parseDescriptor(digest, target, size) : undefined;
  }

  async #share(repository: string, digest: Digest, size: number): Promise<void> {
    if (!this.#redis) return;
    const descriptor = redisKeys.descriptor(digest);
    const write = (redis: Redis) =>
      redis.call(
        SET,
        (commands) =>
          Promise.all([
            commands.hset(descriptor, 'digest', digest, 'size', size),
            commands.hsetnx(descriptor, 'mediatype', OCTET_STREAM),
            commands.expire(descriptor, SHARED_TTL_SECONDS),
            // Without this key, distribution treats the entry as a failure of Redis.
            commands.hset(redisKeys.repositoryDescriptor(repository, digest), 'mediatype', OCTET_STREAM),
            commands.sadd(redisKeys.repositoryBlobs(repository), digest),
          ]),
        undefined,
      );
    await this.#timed('RepoSetDescriptor', this.#redis, write);
  }

  async #clear(repository: string, digest: Digest): Promise<void> {
    await this.#redis?.call(
      CLEAR,
      async (commands) => {
        // Most removed entries never existed: a lookup of a blob that is not cached yet also removes it.
        if ((await commands.srem(redisKeys.repositoryBlobs(repository), digest)) === 0) return;
        await Promise.all([
          commands.del(redisKeys.repositoryDescriptor(repository, digest)),
          // Removes fields, like distribution: other programs may add fields to the key.
          commands.hdel(redisKeys.descriptor(digest), 'digest', 'size', 'mediatype'),
          this.#publish(commands, repository, digest),
        ]);
      },
      undefined,
    );
  }

  #removedElsewhere(message: string): void {
    const [sender, key] = message.split(' ', 2);
    if (sender === this.#sender || key === undefined) return;
    this.#memory.delete(key);
    const at = key.lastIndexOf('@');
    const digest = key.slice(at + 1);
    if (!isDigest(digest)) return;
    for (const listener of this.#listeners) listener.removed(key.slice(0, at), digest);
  }

  #publish(commands: RedisCommands, repository: string, digest: Digest): Promise<number> {
    return commands.publish(redisKeys.removedDescriptors(), `${this.#sender} ${keyOf(repository, digest)}`);
  }

  /** Calls are not counted while Redis is unavailable, because they return at once. */
  async #timed<T>(
    operation: 'RepoStat' | 'RepoSetDescriptor',
    redis: Redis,
    work: (redis: Redis) => Promise<T>,
  ): Promise<T> {
    const startedAt = performance.now();
    const isAvailable = redis.state === 'up' || redis.state === 'read-only';
    const result = await work(redis);
    if (isAvailable) this.#events.sharedCacheAccessed({ operation, durationMs: performance.now() - startedAt });
    return result;
  }
}

/**
 * @param target stored digest: the content of a sha512 digest may be stored under its sha256
 * @returns undefined for an invalid entry: other programs can write to Redis
 */
function parseDescriptor(digest: Digest, target: string | null | undefined, size: string | null | undefined) {
  if (!target || !isDigest(target) || !size || !/^\d{1,15}$/.test(size)) return undefined;
  if (target !== digest && digestAlgorithm(target) === digestAlgorithm(digest)) return undefined;
  return { digest, size: Number(size), mediaType: OCTET_STREAM };
}

function keyOf(repository: string, digest: Digest): string {
  return `${repository}@${digest}`;
}
