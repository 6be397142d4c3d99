import { randomUUID } from 'node:crypto';

import { redisKeys } from './keys.ts';
import type { Redis, RedisOperation } from './redis.ts';
import { createScript, runScript } from './scripts.ts';

/** The right to do something alone, for as long as it is renewed. Given back by {@link release}, or by dying. */
export interface Lease {
  /** Greater than that of every holder before. A place that remembers the greatest it saw can turn a late one away. */
  readonly token: number;
  /**
   * Aborted when the lease is no longer ours for certain: taken by another, or not renewed in time. It is looked at
   * anew with every access, so that a process that was paused finds it aborted before any timer had a chance to fire.
   */
  readonly lost: AbortSignal;
  /** Asks Redis whether it is still ours, and prolongs it. False: {@link lost}. Done by itself three times per TTL. */
  renew(): Promise<boolean>;
  /** Lets the next one have it at once. {@link lost} is aborted afterwards. */
  release(): Promise<void>;
}

export interface LeaseHolder {
  /** Where the holder is reached, in its own words. */
  readonly address: string;
  readonly token: number;
  /** Until it ends unless it is renewed. Milliseconds. */
  readonly remainingMs: number;
}

export type LeaseAttempt =
  | { readonly kind: 'held'; readonly lease: Lease }
  | { readonly kind: 'taken'; readonly holder: LeaseHolder }
  /** Redis is: nobody knows who holds it, and the caller works as if it were alone. */
  | { readonly kind: 'unavailable' };

export interface LeasesOptions {
  readonly redis: Redis;
  /** Told to those who come second, such as the URL of this process. */
  readonly address: string;
  /** `background`: whoever wants the lease has the time to wait for an answer. Default: pull. */
  readonly patience?: RedisOperation['patience'];
  /** Unix milliseconds. */
  readonly now?: () => number;
}

/** Tokens of a lease nobody took for this long begin at the server's clock again, which is ahead of them. Milliseconds. */
const TOKEN_TTL_MS = 86_400_000;
/** Renewals per TTL. */
const HEARTBEATS = 3;

const ACQUIRE: RedisOperation = { name: 'LeaseAcquire', writes: true, patience: 'pull' };
const RENEW: RedisOperation = { name: 'LeaseRenew', writes: true, patience: 'background' };
const RELEASE: RedisOperation = { name: 'LeaseRelease', writes: true, patience: 'background' };

// KEYS: lease, token. ARGV: owner, address, TTL and TTL of the token in milliseconds.
// A token is ahead of the last one and of the clock (microseconds, and no two are given out within one), so that a server that lost some writes in a failover, or was
// flushed, does not give one out again.
const acquireScript = createScript(`
local held = redis.call('GET', KEYS[1])
if held then return {0, held, redis.call('PTTL', KEYS[1])} end
local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000000 + tonumber(clock[2])
local last = tonumber(redis.call('GET', KEYS[2]) or '0')
local token = string.format('%.0f', math.max(last, now) + 1)
redis.call('SET', KEYS[2], token, 'PX', ARGV[4])
redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. token .. ' ' .. ARGV[2], 'PX', ARGV[3])
return {1, token}`);

// KEYS: lease. ARGV: owner, TTL in milliseconds.
const renewScript = createScript(`
local held = redis.call('GET', KEYS[1])
if not held or string.sub(held, 1, #ARGV[1] + 1) ~= ARGV[1] .. ' ' then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`);

// KEYS: lease. ARGV: owner.
const releaseScript = createScript(`
local held = redis.call('GET', KEYS[1])
if not held or string.sub(held, 1, #ARGV[1] + 1) ~= ARGV[1] .. ' ' then return 0 end
return redis.call('DEL', KEYS[1])`);

/** Gives out leases by name, among all processes that use the same Redis. */
export class Leases {
  readonly #redis: Redis;
  readonly #address: string;
  readonly #acquire: RedisOperation;
  readonly #now: () => number;

  constructor({ redis, address, patience = 'pull', now = Date.now }: LeasesOptions) {
    this.#redis = redis;
    this.#address = address;
    this.#acquire = { ...ACQUIRE, patience };
    this.#now = now;
  }

  /** Does not wait for the holder; never throws. */
  async acquire(name: string, ttlMs: number): Promise<LeaseAttempt> {
    const owner = randomUUID();
    const clock = new LeaseClock(ttlMs, this.#now);
    const keys = [redisKeys.lease(name), redisKeys.leaseToken(name)] as const;
    const args = [owner, this.#address, ttlMs, TOKEN_TTL_MS];
    const reply = await this.#redis.call(
      this.#acquire,
      (commands) => runScript(commands, acquireScript, { keys, args }),
      [],
    );
    const [isOurs, text, remainingMs] = Array.isArray(reply) ? (reply as unknown[]) : [];
    if (typeof text !== 'string') {
      // It may have been given to us all the same, too late; without this everybody would wait for it to end.
      void releaseLease(this.#redis, redisKeys.lease(name), owner);
      return { kind: 'unavailable' };
    }
    if (isOurs === 1) {
      const key = redisKeys.lease(name);
      return {
        kind: 'held',
        lease: new HeldLease({ redis: this.#redis, key, owner, token: Number(text), ttlMs, clock }),
      };
    }
    const [, token = '', address = ''] = /^\S+ (\d+) (.*)$/s.exec(text) ?? [];
    return { kind: 'taken', holder: { address, token: Number(token), remainingMs: Math.max(0, Number(remainingMs)) } };
  }
}

/**
 * Like a lease, of a key that the caller sets to `<owner> 0 ` when nothing speaks against it: there is nobody whose token would be
 * compared.
 *
 * @param take sets the key. @returns undefined when the key could not be set
 */
export async function takeLease(
  redis: Redis,
  { key, ttlMs }: { readonly key: string; readonly ttlMs: number },
  take: (owner: string) => Promise<boolean>,
): Promise<Lease | undefined> {
  const owner = randomUUID();
  const clock = new LeaseClock(ttlMs, Date.now);
  return (await take(owner)) ? new HeldLease({ redis, key, owner, token: 0, ttlMs, clock }) : undefined;
}

async function releaseLease(redis: Redis, key: string, owner: string): Promise<void> {
  const input = { keys: [key], args: [owner] } as const;
  await redis.call(RELEASE, (commands) => runScript(commands, releaseScript, input), undefined);
}

/**
 * Until when a lease is ours for certain: counted from before it was asked for. By the wall clock, which goes on while
 * the machine sleeps, and by the monotonic one, which nobody sets back; whichever is further.
 */
class LeaseClock {
  readonly #ttlMs: number;
  readonly #now: () => number;
  #since: { readonly wall: number; readonly monotonic: number };

  constructor(ttlMs: number, now: () => number) {
    this.#ttlMs = ttlMs;
    this.#now = now;
    this.#since = this.read();
  }

  read() {
    return { wall: this.#now(), monotonic: performance.now() };
  }

  restart(since: { readonly wall: number; readonly monotonic: number }): void {
    this.#since = since;
  }

  get remainingMs(): number {
    const { wall, monotonic } = this.read();
    return this.#ttlMs - Math.max(wall - this.#since.wall, monotonic - this.#since.monotonic);
  }
}

interface HeldLeaseOptions {
  readonly redis: Redis;
  readonly key: string;
  readonly owner: string;
  readonly token: number;
  readonly ttlMs: number;
  readonly clock: LeaseClock;
}

class HeldLease implements Lease {
  readonly token: number;
  readonly #options: HeldLeaseOptions;
  readonly #lost = new AbortController();
  readonly #heartbeat: NodeJS.Timeout;
  #end: NodeJS.Timeout | undefined;

  constructor(options: HeldLeaseOptions) {
    this.token = options.token;
    this.#options = options;
    this.#heartbeat = setInterval(() => void this.renew(), options.ttlMs / HEARTBEATS).unref();
    this.#watchEnd();
  }

  get lost(): AbortSignal {
    if (this.#options.clock.remainingMs <= 0) this.#lose('lease not renewed in time');
    return this.#lost.signal;
  }

  async renew(): Promise<boolean> {
    if (this.lost.aborted) return false;
    const { redis, key, owner, ttlMs, clock } = this.#options;
    const asked = clock.read();
    const input = { keys: [key], args: [owner, ttlMs] } as const;
    const reply = await redis.call(RENEW, (commands) => runScript(commands, renewScript, input), undefined);
    if (reply === 0) this.#lose('lease taken by another');
    // The clock decides first: an answer that was long under way does not revive what has ended meanwhile.
    if (reply === 1 && !this.lost.aborted) {
      clock.restart(asked);
      this.#watchEnd();
    }
    return !this.lost.aborted;
  }

  async release(): Promise<void> {
    const { redis, key, owner } = this.#options;
    this.#lose('lease released');
    await releaseLease(redis, key, owner);
  }

  #watchEnd(): void {
    clearTimeout(this.#end);
    if (this.#lost.signal.aborted) return;
    this.#end = setTimeout(
      () => {
        if (!this.lost.aborted) this.#watchEnd();
      },
      Math.max(1, this.#options.clock.remainingMs),
    ).unref();
  }

  #lose(reason: string): void {
    if (this.#lost.signal.aborted) return;
    clearInterval(this.#heartbeat);
    clearTimeout(this.#end);
    this.#lost.abort(new Error(reason));
  }
}
