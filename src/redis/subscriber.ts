import type { Redis as Client } from 'ioredis';

import { reconnectDelayMs } from './client.ts';
import { withDeadline } from './deadline.ts';
import type { RedisListener } from './redis.ts';

export interface SubscriberOptions {
  /** @param attempt from 0 */
  readonly createClient: (attempt: number) => Client;
  /** Timeout of a ping or subscription. Milliseconds. */
  readonly timeoutMs: number;
}

/** Interval between two pings. Milliseconds. */
const PING_INTERVAL_MS = 10_000;

/** Subscribes to channels on a separate connection, which the first listener creates, and which is replaced when it is lost. */
export class Subscriber {
  readonly #options: SubscriberOptions;
  readonly #listeners = new Map<string, RedisListener>();
  #client: Client | undefined;
  #attempts = 0;
  #failures = 0;
  #timer: NodeJS.Timeout | undefined;
  #pinging: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(options: SubscriberOptions) {
    this.#options = options;
  }

  listen(channel: string, listener: RedisListener): void {
    this.#listeners.set(channel, listener);
    if (this.#client?.status === 'ready') void this.#subscribe(this.#client, channel, listener);
    else if (!this.#client) this.#connect();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    clearInterval(this.#pinging);
    this.#client?.disconnect();
  }

  #connect(): void {
    if (this.#isClosed) return;
    const client = this.#options.createClient(this.#attempts++);
    this.#client = client;
    // The connection for commands reports problems with Redis.
    client.on('error', () => {});
    client.on('message', (channel: string, message: string) => this.#listeners.get(channel)?.onMessage(message));
    client.once('ready', () => this.#connected(client));
    client.once('end', () => this.#lost());
  }

  #connected(client: Client): void {
    this.#failures = 0;
    for (const [channel, listener] of this.#listeners) void this.#subscribe(client, channel, listener);
    this.#pinging = setInterval(() => {
      withDeadline(client.ping(), this.#options.timeoutMs).catch(() => client.disconnect());
    }, PING_INTERVAL_MS).unref();
  }

  async #subscribe(client: Client, channel: string, listener: RedisListener): Promise<void> {
    try {
      await withDeadline(client.subscribe(channel), this.#options.timeoutMs);
      listener.onGap();
    } catch {
      // Rejected, or the connection was lost: the next connection subscribes again.
      client.disconnect();
    }
  }

  #lost(): void {
    clearInterval(this.#pinging);
    this.#client = undefined;
    if (this.#isClosed) return;
    this.#timer = setTimeout(() => this.#connect(), reconnectDelayMs(++this.#failures)).unref();
  }
}
