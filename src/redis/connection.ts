import { Cluster } from 'ioredis';

import { Availability, type ProbeResult } from './availability.ts';
import { type Client, createClient, createSubscriber, loadTls } from './client.ts';
import { withDeadline } from './deadline.ts';
import { describeFailure } from './failure.ts';
import { redisKeys } from './keys.ts';
import type { RedisConnectionOptions } from './options.ts';
import type { Redis, RedisCommands, RedisEvents, RedisListener, RedisOperation, RedisState } from './redis.ts';
import { Subscriber } from './subscriber.ts';

/** Long enough for a busy server, short enough to detect one that hangs. Milliseconds. */
const PROBE_TIMEOUT_MS = 1_000;
const PROBE_TTL_MS = 1_000;

/** Imports ioredis: call it by `createRedis`, which loads this module when it is needed. */
export async function connectRedis(options: RedisConnectionOptions, events: RedisEvents): Promise<Redis> {
  const tls = await loadTls(options.tls);
  const client = createClient(options, tls);
  const subscriber = new Subscriber({
    createClient: (attempt) => createSubscriber(options, tls, attempt),
    timeoutMs: options.readTimeoutMs,
  });
  return new RedisConnection({ client, subscriber, options, events });
}

interface Parts {
  readonly client: Client;
  readonly subscriber: Subscriber;
  readonly options: RedisConnectionOptions;
  readonly events: RedisEvents;
}

class RedisConnection implements Redis {
  readonly #client: Client;
  readonly #subscriber: Subscriber;
  readonly #events: RedisEvents;
  readonly #deadlineMs: Readonly<Record<RedisOperation['patience'], number>>;
  readonly #availability: Availability;
  #lastError = 'connection lost';
  /** Whether the server of this connection has accepted a write. */
  #hasWritten = false;
  /** Why this connection must not be used, although some commands work. Absent when it can be used. */
  #misconfigured: string | undefined;

  constructor({ client, subscriber, options, events }: Parts) {
    this.#client = client;
    this.#subscriber = subscriber;
    this.#events = events;
    this.#deadlineMs = { pull: options.deadlineMs, background: options.readTimeoutMs };
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
      this.#reconnectIfDemoted(reason);
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
      // When no sentinel responds, there is an error, but no connection whose loss would be reported.
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

  async #probe(): Promise<ProbeResult> {
    if (this.#misconfigured !== undefined) return { state: 'down', reason: this.#misconfigured };
    const failure = (await this.#failureOf(() => this.#read())) ?? (await this.#failureOf(() => this.#write()));
    if (failure === undefined) return { state: 'up', reason: undefined };
    this.#reconnectIfDemoted(failure.reason);
    return { state: failure.kind === 'writes-refused' ? 'read-only' : 'down', reason: failure.reason };
  }

  async #failureOf(work: () => Promise<unknown>) {
    try {
      await withDeadline(work(), PROBE_TIMEOUT_MS);
      return undefined;
    } catch (err) {
      return describeFailure(err);
    }
  }

  /** Connects every master of a cluster. A hanging one fails the probe; one that is down only makes its keys unavailable. */
  async #read(): Promise<void> {
    const client = this.#client;
    if (client instanceof Cluster) {
      await Promise.all(client.nodes('master').map((node) => node.ping().catch(() => undefined)));
    }
    await client.get(redisKeys.probe());
  }

  async #write(): Promise<void> {
    await this.#client.set(redisKeys.probe(), '1', 'PX', PROBE_TTL_MS);
    this.#hasWritten = true;
  }

  /** A master that becomes a replica keeps its connections. A new connection reaches the master, by Sentinel or by DNS name. */
  #reconnectIfDemoted(reason: string): void {
    if (!reason.startsWith('READONLY') || !this.#hasWritten || this.#client instanceof Cluster) return;
    this.#lastError = reason;
    this.#client.disconnect(true);
  }
}
