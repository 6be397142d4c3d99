import { Cluster } from 'ioredis';

import type { RedisConfig } from '../config/config.ts';
import { Availability, type Verdict } from './availability.ts';
import { type Client, createClient, createSubscriber, loadTls } from './client.ts';
import { withDeadline } from './deadline.ts';
import { describeFailure } from './failure.ts';
import { redisKeys } from './keys.ts';
import type { Redis, RedisCommands, RedisEvents, RedisListener, RedisOperation, RedisState } from './redis.ts';
import { Subscriber } from './subscriber.ts';

export interface CreateRedisOptions {
  readonly events: RedisEvents;
}

/** Long enough for a server that is busy, short enough to notice one that hangs. Milliseconds. */
const PROBE_TIMEOUT_MS = 1_000;
const PROBE_TTL_MS = 1_000;

/**
 * Redis, standalone, behind Sentinel, or a cluster. Does not wait for it: it may be there later, or never.
 *
 * @throws {Error} when a file of the TLS configuration cannot be read
 */
export async function createRedis(config: RedisConfig, { events }: CreateRedisOptions): Promise<Redis> {
  const tls = await loadTls(config.tls);
  const client = createClient(config, tls);
  const subscriber = new Subscriber({
    createClient: (attempt) => createSubscriber(config, tls, attempt),
    timeoutMs: config.readTimeoutMs,
  });
  return new RedisConnection({ client, subscriber, config, events });
}

interface Parts {
  readonly client: Client;
  readonly subscriber: Subscriber;
  readonly config: RedisConfig;
  readonly events: RedisEvents;
}

class RedisConnection implements Redis {
  readonly #client: Client;
  readonly #subscriber: Subscriber;
  readonly #events: RedisEvents;
  readonly #deadlineMs: Readonly<Record<RedisOperation['patience'], number>>;
  readonly #availability: Availability;
  #lastError = 'connection lost';
  /** This connection led to a server that could be written. */
  #hasWritten = false;
  /** Why this connection is of no use, although some commands work. */
  #misconfigured: string | undefined;

  constructor({ client, subscriber, config, events }: Parts) {
    this.#client = client;
    this.#subscriber = subscriber;
    this.#events = events;
    this.#deadlineMs = { pull: config.deadlineMs, background: config.readTimeoutMs };
    this.#availability = new Availability({
      probe: () => this.#probe(),
      onChange: (state, reason) => events.redisChanged({ state, reason }),
    });
    this.#watch();
  }

  get state(): RedisState {
    return this.#availability.state;
  }

  async call<T, F>(
    { name, writes, patience }: RedisOperation,
    work: (commands: RedisCommands) => Promise<T>,
    fallback: F,
  ): Promise<T | F> {
    if (!this.#availability.allows({ writes })) return fallback;
    const startedAt = performance.now();
    const ended = () => ({ operation: name, durationMs: performance.now() - startedAt });
    try {
      const result = await withDeadline(work(this.#client), this.#deadlineMs[patience]);
      this.#availability.succeeded();
      this.#events.redisCalled({ ...ended(), failure: undefined, reason: undefined });
      return result;
    } catch (err) {
      const { kind, reason, isMisconfigured } = describeFailure(err);
      if (isMisconfigured) this.#misconfigured = reason;
      this.#events.redisCalled({ ...ended(), failure: kind, reason });
      this.#availability.failed({ kind, reason });
      this.#leaveIfDemoted(reason);
      return fallback;
    }
  }

  listen(channel: string, listener: RedisListener): void {
    this.#subscriber.listen(channel, listener);
  }

  async close(): Promise<void> {
    this.#availability.stop();
    this.#subscriber.close();
    this.#client.disconnect();
  }

  #watch(): void {
    const client = this.#client;
    client.on('error', (err: unknown) => {
      this.#lastError = describeFailure(err).reason;
      // Sentinels that do not answer are an error without a connection that could be lost.
      if (client.status !== 'ready') this.#availability.disconnected(this.#lastError);
    });
    client.on('node error', (err: unknown) => {
      this.#lastError = describeFailure(err).reason;
    });
    client.on('ready', () => this.#availability.connected());
    client.on('close', () => {
      this.#hasWritten = false;
      this.#misconfigured = undefined;
      this.#availability.disconnected(this.#lastError);
      this.#lastError = 'connection lost';
    });
  }

  async #probe(): Promise<Verdict> {
    if (this.#misconfigured !== undefined) return { state: 'down', reason: this.#misconfigured };
    const refusal = (await this.#refusal(() => this.#read())) ?? (await this.#refusal(() => this.#write()));
    if (refusal === undefined) return { state: 'up', reason: undefined };
    this.#leaveIfDemoted(refusal.reason);
    return { state: refusal.kind === 'writes-refused' ? 'read-only' : 'down', reason: refusal.reason };
  }

  async #refusal(ask: () => Promise<unknown>) {
    try {
      await withDeadline(ask(), PROBE_TIMEOUT_MS);
      return undefined;
    } catch (err) {
      return describeFailure(err);
    }
  }

  /** Every master of a cluster is connected by this, and none may hang; one that is gone costs only its own keys. */
  async #read(): Promise<void> {
    const client = this.#client;
    if (client instanceof Cluster) {
      const gone = (err: unknown) => describeFailure(err);
      await Promise.all(client.nodes('master').map((node) => node.ping().catch(gone)));
    }
    await client.get(redisKeys.probe());
  }

  async #write(): Promise<void> {
    await this.#client.set(redisKeys.probe(), '1', 'PX', PROBE_TTL_MS);
    this.#hasWritten = true;
  }

  /** A master that has become a replica keeps its connections; a new one leads to the master, by Sentinel or by name. */
  #leaveIfDemoted(reason: string): void {
    if (!reason.startsWith('READONLY') || !this.#hasWritten || this.#client instanceof Cluster) return;
    this.#lastError = reason;
    this.#client.disconnect(true);
  }
}
