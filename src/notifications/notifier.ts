import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';

import type { Clock } from '../clock/clock.ts';
import type { Config, NotificationsConfig } from '../config/config.ts';
import type { AdminChange } from '../operations/admin-events.ts';
import type { ContentEvent, EventOrigin } from '../registry/content-event.ts';
import { type CacheAction, NO_REQUEST } from './cache-events.ts';
import { createNotification } from './create-notification.ts';
import { Endpoint } from './endpoint.ts';
import {
  type Notification,
  type NotificationSource,
  type NotificationTarget,
  timestampOf,
  uuidV7,
} from './envelope.ts';
import { createHttpSink, type Environment } from './http-sink.ts';
import type { NotificationEvents } from './notification-events.ts';
import { QueueArea, type QueueLocks } from './queue-area.ts';

export interface NotifierOptions {
  readonly config: NotificationsConfig;
  readonly source: NotificationSource;
  readonly env: Environment;
  /** Sent to receivers. */
  readonly userAgent: string;
  readonly events: NotificationEvents;
  /** Creates locks in a directory, by which processes lock their queues. */
  readonly createLocks: (directory: string) => QueueLocks;
  readonly clock: Pick<Clock, 'now' | 'sleep'>;
}

/** Events that must not be lost; the others only report reads. */
const CHANGES: ReadonlySet<string> = new Set(['push', 'mount', 'delete', 'admin']);
/** Interval of the search for events of ended processes. Milliseconds. */
const TAKE_OVER_MS = 5_000;
/** How long a shutdown waits for events to be sent. Milliseconds. */
const DRAIN_MS = 5_000;

/** Sends events of content to every endpoint. An endpoint that is slow or down delays neither clients nor other endpoints. */
export class Notifier {
  readonly #options: NotifierOptions;
  readonly #endpoints: readonly Endpoint[];
  readonly #area: QueueArea | undefined;
  #timer: NodeJS.Timeout | undefined;
  #takingOver: Promise<void> | undefined;

  private constructor(options: NotifierOptions, area: QueueArea | undefined) {
    const { config, env, userAgent, events, clock } = options;
    this.#options = options;
    this.#area = area;
    this.#endpoints = config.endpoints.map(
      (endpoint) =>
        new Endpoint({
          config: endpoint,
          queue: config.queue,
          directory: area?.directoryOf(endpoint.name),
          sink: createHttpSink({ endpoint, env, userAgent }),
          events,
          clock,
        }),
    );
  }

  /** Continues with the events that were not sent before. @throws when a file of CAs cannot be read */
  static async open(options: NotifierOptions): Promise<Notifier> {
    const area = await openArea(options);
    const notifier = new Notifier(options, area);
    for (const endpoint of notifier.#endpoints) {
      await endpoint.open(area?.own ?? '0');
      for (const queue of (await area?.takenOver(endpoint.name)) ?? []) {
        await endpoint.adopt(queue).catch(() => {}); // an unreadable queue stays where it is
      }
    }
    if (area) notifier.#timer = setInterval(() => notifier.#takeOver(area), TAKE_OVER_MS).unref();
    return notifier;
  }

  /** Resolves when the event is durable; for a pull at once. Never fails. */
  async notify(event: ContentEvent, origin: EventOrigin): Promise<void> {
    const { source, clock, config } = this.#options;
    await this.#send(
      createNotification(event, origin, { source, includeReferences: config.includeReferences, now: clock.now() }),
    );
  }

  /** Sends an event that no client request caused. Like the event of a pull, it may be dropped. */
  notifyOfCache(action: CacheAction, target: NotificationTarget): void {
    const { source, clock } = this.#options;
    const at = clock.now();
    void this.#send({ id: uuidV7(at), timestamp: timestampOf(at), action, target, ...NO_REQUEST, source });
  }

  /** Sends an event of a change by the admin API. */
  notifyOfChange({ user, address, action, target = '' }: AdminChange): void {
    const { source, clock } = this.#options;
    const at = clock.now();
    const request = { id: '', addr: address, method: action, useragent: '' };
    const event = { id: uuidV7(at), timestamp: timestampOf(at), action: 'admin', target: { repository: target } };
    void this.#send({ ...event, request, actor: { name: user }, source });
  }

  /** Sends as many events as possible in a few seconds. The rest stays on disk, or is lost without a directory. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#takingOver;
    const signal = AbortSignal.timeout(DRAIN_MS);
    await Promise.all(this.#endpoints.map((endpoint) => endpoint.close(signal)));
    await this.#area?.close();
  }

  async #send(notification: Notification): Promise<void> {
    const wanting = this.#endpoints.filter((endpoint) => endpoint.wants(notification));
    if (wanting.length === 0) return;
    const json = JSON.stringify(notification);
    const isPull = !CHANGES.has(notification.action);
    await Promise.all(wanting.map((endpoint) => endpoint.add(json, { isPull })));
  }

  #takeOver(area: QueueArea): void {
    this.#takingOver ??= this.#adoptAll(area)
      .catch(() => {}) // the next round tries again
      .finally(() => (this.#takingOver = undefined));
  }

  async #adoptAll(area: QueueArea): Promise<void> {
    for (const { endpoint, queue } of await area.takeOver(this.#endpoints.map(({ name }) => name))) {
      await this.#endpoints.find(({ name }) => name === endpoint)?.adopt(queue);
    }
  }
}

/** @returns undefined without a writable directory; events then wait in memory */
async function openArea({ config, createLocks, events }: NotifierOptions): Promise<QueueArea | undefined> {
  const { directory } = config.queue;
  const notStored = (reason: string) => {
    for (const { name } of config.endpoints) events.notificationsNotStored({ endpoint: name, reason });
  };
  if (directory === undefined) {
    notStored('the storage is not a directory, and notifications.queue.directory is not set');
    return undefined;
  }
  const area = new QueueArea(directory, createLocks(directory));
  try {
    await area.open();
    return area;
  } catch (err) {
    notStored(err instanceof Error ? err.message : String(err));
    return undefined;
  }
}

/** Host name and listening port, as in distribution. */
export function sourceOf({ listen }: Config['http']): NotificationSource {
  return { addr: listen.net === 'tcp' ? `${hostname()}:${listen.port}` : hostname(), instanceID: randomUUID() };
}
