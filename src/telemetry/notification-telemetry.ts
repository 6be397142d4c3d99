import type { NotificationEvents } from '../notifications/notification-events.ts';
import type { Log } from './log.ts';
import type { Metrics } from './metrics.ts';

type Event<Name extends keyof NotificationEvents> = Parameters<NotificationEvents[Name]>[0];

/** What becomes of events that others are told, as metrics and log lines. */
export class NotificationTelemetry implements NotificationEvents {
  readonly #log: Log;
  readonly #metrics: Metrics;
  /** Endpoints whose queue overflows: one line when it begins is enough. */
  readonly #overflowing = new Set<string>();
  /** The same for events that are given up. */
  readonly #givingUp = new Set<string>();

  constructor(log: Log, metrics: Metrics) {
    this.#log = log;
    this.#metrics = metrics;
  }

  notificationsPending(endpoint: string, change: number): void {
    const cell = this.#metrics.notificationsPending.at(endpoint);
    cell.value += change;
    if (cell.value === 0) this.#overflowing.delete(endpoint);
  }

  notificationQueued(endpoint: string): void {
    this.#metrics.notifications.at('Events', endpoint).value++;
  }

  notificationDelivered(endpoint: string, status: string): void {
    this.#metrics.notifications.at('Successes', endpoint).value++;
    this.#metrics.notificationStatuses.at(knownStatus(status), endpoint).value++;
    this.#givingUp.delete(endpoint);
  }

  notificationRejected(endpoint: string, status: string): void {
    this.#metrics.notifications.at('Failures', endpoint).value++;
    this.#metrics.notificationStatuses.at(knownStatus(status), endpoint).value++;
  }

  notificationFailed(endpoint: string): void {
    this.#metrics.notifications.at('Errors', endpoint).value++;
  }

  notificationDropped(endpoint: string): void {
    this.#metrics.notificationsDropped.at(endpoint).value++;
    if (this.#overflowing.has(endpoint)) return;
    this.#overflowing.add(endpoint);
    this.#log.warn({ endpoint }, 'notifications: the queue is full, events of pulls are dropped');
  }

  notificationDeadLettered({ endpoint, reason, isKept }: Event<'notificationDeadLettered'>): void {
    this.#metrics.notificationDeadLetters.at(endpoint).value++;
    if (!isKept) this.#log.error({ endpoint, reason }, 'notifications: an event is lost');
    if (!isKept || this.#givingUp.has(endpoint)) return;
    this.#givingUp.add(endpoint);
    this.#log.error({ endpoint, reason }, 'notifications: events are given up and put with the dead letters');
  }

  notificationsStalled({ endpoint, reason, pending }: Event<'notificationsStalled'>): void {
    if (reason === undefined) this.#log.info({ endpoint, pending }, 'notifications: the endpoint takes events again');
    else this.#log.warn({ endpoint, reason, pending }, 'notifications: the endpoint does not take events, they wait');
  }

  notificationsNotStored({ endpoint, reason }: Event<'notificationsNotStored'>): void {
    if (reason === undefined) this.#log.info({ endpoint }, 'notifications: events are on disk again while they wait');
    else
      this.#log.warn({ endpoint, reason }, 'notifications: events wait in memory and would not survive this process');
  }

  notificationsLost({ endpoint, pending }: Event<'notificationsLost'>): void {
    this.#log.error({ endpoint, pending }, 'notifications: events that waited in memory are lost');
  }

  notificationsAdopted({ endpoint, pending }: Event<'notificationsAdopted'>): void {
    this.#log.info({ endpoint, pending }, 'notifications: sending what another process has left');
  }
}

/** Such as `200 OK`. An endpoint can make up hundreds; those that nobody knows have no words and share one value. */
function knownStatus(status: string): string {
  return status.includes(' ') ? status : 'other';
}
