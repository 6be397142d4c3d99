import { randomUUID } from 'node:crypto';

import { type Descriptor, OCTET_STREAM } from '../oci/descriptor.ts';
import { type Digest, digestAlgorithm, isDigest } from '../oci/digest.ts';
import { redisKeys } from '../redis/keys.ts';
import type { Redis, RedisCommands, RedisOperation } from '../redis/redis.ts';
import { createCountedCache } from './lru.ts';

export interface DescriptorCacheEvents {
  /** Once per look-up. `error`: Redis could have known and was not available. */
  descriptorAsked(result: 'hit' | 'miss' | 'error'): void;
  /** Something was asked of Redis, or told it; by distribution's name for that. */
  descriptorsShared(event: { readonly operation: 'RepoStat' | 'RepoSetDescriptor'; readonly durationMs: number }): void;
}

export interface DescriptorCacheOptions {
  /** Descriptors kept in memory. */
  readonly maxEntries: number;
  /** Undefined: in memory alone, and then for as long as there is room. */
  readonly redis: Redis | undefined;
  readonly events: DescriptorCacheEvents;
}

/** Told of what other processes have removed, so that nothing else in memory outlives it. */
export interface RemovalListener {
  removed(repository: string, digest: Digest): void;
  /** Removals may have been missed. */
  missed(): void;
}

/** Where others can remove what we have in memory, this is how long it may be wrong if we are not told. Milliseconds. */
const MAX_STALENESS_MS = 10_000;
/** A descriptor in Redis that nobody renewed is asked of the storage again. Seconds. */
const SHARED_TTL_SECONDS = 86_400;

const STAT: RedisOperation = { name: 'RepoStat', writes: false, patience: 'pull' };
const SET: RedisOperation = { name: 'RepoSetDescriptor', writes: true, patience: 'background' };
const CLEAR: RedisOperation = { name: 'RepoClear', writes: true, patience: 'background' };

const UNAVAILABLE = Symbol('unavailable');

/**
 * Which repository has which blob, and how large it is, without asking the storage: in memory, and behind that in Redis,
 * with the keys that distribution uses. A hint, never a proof: whoever opens the blob and does not find it calls {@link remove}.
 */
export class DescriptorCache {
  readonly #redis: Redis | undefined;
  readonly #events: DescriptorCacheEvents;
  readonly #memory;
  /** Tells our own messages from those of others. */
  readonly #sender = randomUUID();
  readonly #listeners = new Set<RemovalListener>();

  constructor({ maxEntries, redis, events }: DescriptorCacheOptions) {
    this.#redis = redis;
    this.#events = events;
    this.#memory = createCountedCache<Descriptor>({ maxEntries, ...(redis && { ttlMs: MAX_STALENESS_MS }) });
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

  /** Undefined when nobody knows; waits for Redis no longer than a pull may. */
  async get(repository: string, digest: Digest): Promise<Descriptor | undefined> {
    const known = this.#memory.get(keyOf(repository, digest));
    const shared = known ?? (await this.#find(repository, digest));
    this.#events.descriptorAsked(shared === UNAVAILABLE ? 'error' : shared === undefined ? 'miss' : 'hit');
    if (shared === undefined || shared === UNAVAILABLE) return undefined;
    if (!known) this.#memory.set(keyOf(repository, digest), shared);
    return shared;
  }

  /** The blob was seen in storage. Redis is told in the background, and not of what was known already. */
  set(repository: string, digest: Digest, size: number): void {
    const key = keyOf(repository, digest);
    if (this.#memory.get(key)?.size === size) return;
    this.#memory.set(key, { digest, size, mediaType: OCTET_STREAM });
    void this.#share(repository, digest, size);
  }

  /** The blob is not in the repository, or no more. Other processes are told, in the background. */
  remove(repository: string, digest: Digest): void {
    this.#memory.delete(keyOf(repository, digest));
    void this.#clear(repository, digest);
  }

  /** The repository has it no more, whatever it is: as {@link remove}, and other processes are told in any case. */
  forget(repository: string, digest: Digest): void {
    this.remove(repository, digest);
    void this.#redis?.call(CLEAR, (commands) => this.#publish(commands, repository, digest), undefined);
  }

  /** As distribution: is it a member, and if so what is it? All are sent at once, each to the node that has its key. */
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
            // Without this distribution takes the entry for a failure of Redis.
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
        // Most of what is removed was never there: a cold blob is looked for, too.
        if ((await commands.srem(redisKeys.repositoryBlobs(repository), digest)) === 0) return;
        await Promise.all([
          commands.del(redisKeys.repositoryDescriptor(repository, digest)),
          // Fields, as distribution does: others may keep more there.
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

  /** A tier that is not available takes no time, and is not counted. */
  async #timed<T>(
    operation: 'RepoStat' | 'RepoSetDescriptor',
    redis: Redis,
    work: (redis: Redis) => Promise<T>,
  ): Promise<T> {
    const startedAt = performance.now();
    const isAsked = redis.state === 'up' || redis.state === 'read-only';
    const result = await work(redis);
    if (isAsked) this.#events.descriptorsShared({ operation, durationMs: performance.now() - startedAt });
    return result;
  }
}

/**
 * @param target a sha512 digest may be of bytes that are stored under their sha256
 * @returns undefined for what cannot be a descriptor of the digest, whoever wrote it
 */
function parseDescriptor(digest: Digest, target: string | null | undefined, size: string | null | undefined) {
  if (!target || !isDigest(target) || !size || !/^\d{1,15}$/.test(size)) return undefined;
  if (target !== digest && digestAlgorithm(target) === digestAlgorithm(digest)) return undefined;
  return { digest, size: Number(size), mediaType: OCTET_STREAM };
}

function keyOf(repository: string, digest: Digest): string {
  return `${repository}@${digest}`;
}
