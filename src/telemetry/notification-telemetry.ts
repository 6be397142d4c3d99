import type { NotificationEvents } from '../notifications/notification-events.ts';
import type { Log } from './log.ts';
import type { Metrics } from './metrics.ts';

type Event<Name extends keyof NotificationEvents> = Parameters<NotificationEvents[Name]>[0];

/** Webhook delivery, as metrics and log lines. */
export class NotificationTelemetry implements NotificationEvents {
  readonly #log: Log;
  readonly #metrics: Metrics;
  /** Endpoints whose queue overflows: only the first event is logged. */
  readonly #overflowing = new Set<string>();
  /** The same for events that became dead letters. */
  readonly #givingUp = new Set<string>();

  constructor(log: Log, metrics: Metrics) {
    this.#log = log;
    this.#metrics = metrics;
  }

  notificationsPending(endpoint: string, change: number): void {
    const cell = this.#metrics.notificationsPending.at(endpoint);
    cell.value += change;
    this.#metrics.notificationsPendingTotal.at(endpoint).value = cell.value;
    if (cell.value === 0) this.#overflowing.delete(endpoint);
  }

  notificationQueued(endpoint: string): void {
    this.#metrics.notifications.at('Events', endpoint).value++;
    // At 0 from here on: `increase()` does not see the step to a new time series.
    this.#metrics.notificationDeadLetters.at(endpoint);
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
    this.#log.warn({ endpoint }, 'webhook queue full: pull events dropped');
  }

  notificationDeadLettered({ endpoint, reason, isKept }: Event<'notificationDeadLettered'>): void {
    this.#metrics.notificationDeadLetters.at(endpoint).value++;
    if (!isKept) this.#log.error({ endpoint, reason }, 'webhook event lost');
    if (!isKept || this.#givingUp.has(endpoint)) return;
    this.#givingUp.add(endpoint);
    this.#log.error({ endpoint, reason }, 'webhook events moved to the dead letters');
  }

  notificationsStalled({ endpoint, reason, pending }: Event<'notificationsStalled'>): void {
    if (reason === undefined) this.#log.info({ endpoint, pending }, 'webhook endpoint available again');
    else this.#log.warn({ endpoint, reason, pending }, 'webhook endpoint unavailable: events queued');
  }

  notificationsNotStored({ endpoint, reason }: Event<'notificationsNotStored'>): void {
    if (reason === undefined) this.#log.info({ endpoint }, 'webhook queue on disk again');
    else this.#log.warn({ endpoint, reason }, 'webhook queue in memory only: events do not survive a restart');
  }

  notificationsLost({ endpoint, pending }: Event<'notificationsLost'>): void {
    this.#log.error({ endpoint, pending }, 'queued webhook events lost');
  }

  notificationsAdopted({ endpoint, pending }: Event<'notificationsAdopted'>): void {
    this.#log.info({ endpoint, pending }, 'webhook queue of another process taken over');
  }
}

/** Such as `200 OK`. Unregistered statuses have no reason phrase and share one label value: an endpoint could send hundreds. */
function knownStatus(status: string): string {
  return status.includes(' ') ? status : 'other';
}
