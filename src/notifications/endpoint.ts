import { join } from 'node:path';

import type { Clock } from '../clock/clock.ts';
import type { NotificationEndpointConfig, NotificationQueueConfig } from '../config/config.ts';
import { DeadLetters } from './dead-letters.ts';
import { Delivery, type DeliveryEvents } from './delivery.ts';
import type { Notification } from './envelope.ts';
import { createEventFilter } from './event-filter.ts';
import type { Sink } from './http-sink.ts';
import type { NotificationEvents } from './notification-events.ts';
import { EventQueue, type QueueEvents } from './queue/event-queue.ts';

export interface EndpointOptions {
  readonly config: NotificationEndpointConfig;
  readonly queue: NotificationQueueConfig;
  /** For this endpoint's queues and dead letters. Absent when they are in memory. */
  readonly directory: string | undefined;
  readonly sink: Sink;
  readonly events: NotificationEvents;
  readonly clock: Pick<Clock, 'now' | 'sleep'>;
}

/** A queue and its delivery. */
interface Lane {
  readonly queue: EventQueue;
  readonly delivery: Delivery;
}

/** Interval of the check during a drain that everything has been sent. Milliseconds. */
const DRAIN_POLL_MS = 20;

/** One receiver of events, with its filter, its queues and its delivery. */
export class Endpoint {
  readonly wants: (notification: Notification) => boolean;
  readonly #options: EndpointOptions;
  readonly #deadLetters: DeadLetters | undefined;
  readonly #lanes: Lane[] = [];
  #own: Lane | undefined;

  constructor(options: EndpointOptions) {
    const { config, directory, queue, clock } = options;
    this.wants = createEventFilter(config);
    this.#options = options;
    this.#deadLetters =
      directory === undefined
        ? undefined
        : new DeadLetters({
            path: join(directory, 'dead-letters.jsonl'),
            maxBytes: queue.maxDeadLetterBytes,
            now: clock.now,
          });
  }

  get name(): string {
    return this.#options.config.name;
  }

  /** Number of waiting events. */
  get pending(): number {
    return this.#lanes.reduce((sum, { queue }) => sum + queue.size, 0);
  }

  /** @param queue name of the queue that new events go to; kept in memory when its directory cannot be used */
  async open(queue: string): Promise<void> {
    const { events } = this.#options;
    this.#own = await this.#openLane(this.#pathOf(queue), { endsWhenEmpty: false }).catch((err: unknown) => {
      events.notificationsNotStored({ endpoint: this.name, reason: err instanceof Error ? err.message : String(err) });
      return this.#openLane(undefined, { endsWhenEmpty: false });
    });
    void this.#own.delivery.start();
  }

  /** Also sends the events that another process left. @param queue name of its queue @throws when it cannot be read */
  async adopt(queue: string): Promise<void> {
    const { events } = this.#options;
    const lane = await this.#openLane(this.#pathOf(queue), { endsWhenEmpty: true });
    if (lane.queue.size > 0) events.notificationsAdopted({ endpoint: this.name, pending: lane.queue.size });
    void lane.delivery.start().then(() => this.#retire(lane));
  }

  /** Resolves when the event is durable; for a pull at once. Never fails. */
  async add(json: string, { isPull }: { readonly isPull: boolean }): Promise<void> {
    this.#options.events.notificationQueued(this.name);
    await this.#own?.queue.append(json, { isPull });
  }

  /** Sends as many events as possible before the signal; the rest stays on disk, if the queue is there. */
  async close(signal: AbortSignal): Promise<void> {
    while (this.pending > 0 && !signal.aborted && !this.#lanes.every(({ delivery }) => delivery.isFailing)) {
      await new Promise((resolve) => setTimeout(resolve, DRAIN_POLL_MS));
    }
    await Promise.all(this.#lanes.map(({ delivery }) => delivery.stop()));
    const { directory, events } = this.#options;
    if (directory === undefined && this.pending > 0) {
      events.notificationsLost({ endpoint: this.name, pending: this.pending });
    }
    for (const lane of [...this.#lanes]) await this.#retire(lane);
    await this.#options.sink.close();
  }

  /** Closes a lane, at most once. */
  async #retire(lane: Lane): Promise<void> {
    const index = this.#lanes.indexOf(lane);
    if (index === -1) return;
    this.#lanes.splice(index, 1);
    await lane.queue.close({ isRemoved: lane !== this.#own }).catch(() => {}); // the rest is read again at the next start
  }

  #pathOf(queue: string): string | undefined {
    const { directory } = this.#options;
    return directory === undefined ? undefined : join(directory, queue);
  }

  async #openLane(
    directory: string | undefined,
    { endsWhenEmpty }: { readonly endsWhenEmpty: boolean },
  ): Promise<Lane> {
    const { sink, config, queue: limits, clock } = this.#options;
    const queue = await EventQueue.open({ directory, limits, now: clock.now, events: this.#queueEvents() });
    const policy = { ...config, maxAgeMs: limits.maxAgeMs, maxAttempts: limits.maxAttempts };
    const delivery = new Delivery({ queue, sink, policy, endsWhenEmpty, clock, events: this.#deliveryEvents() });
    const lane = { queue, delivery };
    this.#lanes.push(lane);
    return lane;
  }

  #queueEvents(): QueueEvents {
    const { events } = this.#options;
    const endpoint = this.name;
    return {
      pending: (change) => events.notificationsPending(endpoint, change),
      pullDropped: () => events.notificationDropped(endpoint),
      evicted: (evicted) => this.#deadLetter(evicted, 'the queue was full'),
      storageFailed: ({ reason }) => events.notificationsNotStored({ endpoint, reason }),
    };
  }

  #deliveryEvents(): DeliveryEvents {
    const { events } = this.#options;
    const endpoint = this.name;
    return {
      delivered: (status) => events.notificationDelivered(endpoint, status),
      rejected: (status) => events.notificationRejected(endpoint, status),
      failed: () => events.notificationFailed(endpoint),
      stateChanged: (change) => events.notificationsStalled({ endpoint, ...change }),
      deadLettered: (event, reason) => this.#deadLetter([event], reason),
    };
  }

  async #deadLetter(events: readonly string[], reason: string): Promise<void> {
    const kept = this.#deadLetters?.add(events, reason).then(
      () => true,
      () => false,
    );
    const isKept = (await kept) ?? false;
    for (const _ of events) this.#options.events.notificationDeadLettered({ endpoint: this.name, reason, isKept });
  }
}
