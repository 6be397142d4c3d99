import { randomUUID } from 'node:crypto';

import { redisKeys } from './keys.ts';
import type { Redis, RedisOperation } from './redis.ts';
import { createScript, runScript } from './scripts.ts';

/** An exclusive right that lasts while it is renewed. It ends with {@link release}, or some time after its process died. */
export interface Lease {
  /** A fencing token, greater than those of all earlier holders: a resource that keeps the greatest one can reject a late writer. */
  readonly token: number;
  /**
   * Aborted as soon as another process may hold the lease: it was taken over, or not renewed in time. Each access checks the
   * time, so that a process that was paused sees it aborted before any timer fires.
   */
  readonly lost: AbortSignal;
  /** Extends the lease. Called automatically three times per TTL. @returns false when the lease is {@link lost} */
  renew(): Promise<boolean>;
  /** Ends the lease, so that another process can acquire it at once. {@link lost} is aborted afterwards. */
  release(): Promise<void>;
}

/** The process that holds a lease. */
export interface LeaseHolder {
  /** {@link LeasesOptions.address} of the holder. */
  readonly address: string;
  readonly token: number;
  /** Time until the lease ends if it is not renewed. Milliseconds. */
  readonly remainingMs: number;
}

/** Result of {@link Leases.acquire}. */
export type LeaseAttempt =
  | { readonly kind: 'held'; readonly lease: Lease }
  | { readonly kind: 'taken'; readonly holder: LeaseHolder }
  /** Redis is unavailable: the holder is unknown, and the caller works as if there were no other process. */
  | { readonly kind: 'unavailable' };

export interface LeasesOptions {
  readonly redis: Redis;
  /** Returned to processes that find the lease taken, such as the URL of this process. */
  readonly address: string;
  /** Which deadline applies to acquiring a lease. @default 'pull' */
  readonly patience?: RedisOperation['patience'];
  /** Unix milliseconds. */
  readonly now?: () => number;
}

/** When a lease was not acquired for this long, its tokens start at the server's clock again, which is ahead of them. Milliseconds. */
const TOKEN_TTL_MS = 86_400_000;
/** Renewals per TTL. */
const HEARTBEATS = 3;

const ACQUIRE: RedisOperation = { name: 'LeaseAcquire', writes: true, patience: 'pull' };
const RENEW: RedisOperation = { name: 'LeaseRenew', writes: true, patience: 'background' };
const RELEASE: RedisOperation = { name: 'LeaseRelease', writes: true, patience: 'background' };

// KEYS: lease, token. ARGV: owner, address, TTL and TTL of the token in milliseconds.
// A token is greater than the last one and than the clock in microseconds, and two are never created within one microsecond. So
// a server that lost writes in a failover, or was flushed, does not repeat a token.
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

/** Leases by name, among all processes that use the same Redis. */
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

  /** Does not wait for the present holder. Never rejects. */
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
    const [isAcquired, text, remainingMs] = Array.isArray(reply) ? (reply as unknown[]) : [];
    if (typeof text !== 'string') {
      // The server may have executed a command whose reply was late; without this, all processes would wait for the TTL.
      void releaseLease(this.#redis, redisKeys.lease(name), owner);
      return { kind: 'unavailable' };
    }
    if (isAcquired === 1) {
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
 * A lease without a fencing token, of a key that the caller sets to `<owner> 0 ` under its own conditions.
 *
 * @param take sets the key, and resolves to whether it did
 * @returns undefined when the key was not set
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
 * The remaining time of a lease, counted from before the request for it. Uses the wall clock, which advances while the machine
 * sleeps, and the monotonic clock, which is never set back; the one that advanced more counts.
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
    const requestedAt = clock.read();
    const input = { keys: [key], args: [owner, ttlMs] } as const;
    const reply = await redis.call(RENEW, (commands) => runScript(commands, renewScript, input), undefined);
    if (reply === 0) this.#lose('lease taken by another process');
    // The clock takes precedence: a late reply does not revive a lease that has ended.
    if (reply === 1 && !this.lost.aborted) {
      clock.restart(requestedAt);
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
