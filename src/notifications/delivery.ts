import type { Clock } from '../clock/clock.ts';
import { type BackoffPolicy, backoffMs } from './backoff.ts';
import { envelopeOf } from './envelope.ts';
import { PostTimeoutError, type Sink } from './http-sink.ts';
import type { EventQueue } from './queue/event-queue.ts';
import type { QueueEntry } from './queue/segment.ts';

export interface DeliveryPolicy extends BackoffPolicy {
  /** A rejected event of this age becomes a dead letter; 0: no limit. Milliseconds. */
  readonly maxAgeMs: number;
  /** An event rejected this many times becomes a dead letter; 0: no limit. */
  readonly maxAttempts: number;
}

export interface DeliveryEvents {
  delivered(status: string): void;
  /** The receiver responded with an error. */
  rejected(status: string): void;
  /** The receiver did not respond. */
  failed(): void;
  /** The receiver failed several times in a row, or works again. @param change.reason absent when it works again */
  stateChanged(change: { readonly reason: string | undefined; readonly pending: number }): void;
  /** The event is not retried any more. Resolves when it has been stored as a dead letter. */
  deadLettered(event: string, reason: string): Promise<void>;
}

export interface DeliveryOptions {
  readonly queue: EventQueue;
  readonly sink: Sink;
  readonly policy: DeliveryPolicy;
  readonly events: DeliveryEvents;
  /** No more events are added to the queue. */
  readonly endsWhenEmpty: boolean;
  readonly clock: Pick<Clock, 'now' | 'sleep'>;
}

/** Sends the events of one queue in order, each at least once, until the receiver accepts it or it becomes a dead letter. */
export class Delivery {
  readonly #options: DeliveryOptions;
  readonly #stopped = new AbortController();
  #running: Promise<void> = Promise.resolve();
  /** Consecutive ones. */
  #failures = 0;
  /** The event being sent. */
  #current: QueueEntry | undefined;
  /** Responses to it so far. */
  #attempts = 0;

  constructor(options: DeliveryOptions) {
    this.#options = options;
  }

  /** @returns resolves when it was stopped, or has sent the last event */
  start(): Promise<void> {
    this.#running = this.#run();
    return this.#running;
  }

  /** The last attempt failed. */
  get isFailing(): boolean {
    return this.#failures > 0;
  }

  /** An event being sent may have been accepted; it is sent again later. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    const { queue, endsWhenEmpty } = this.#options;
    while (!signal.aborted && !(endsWhenEmpty && queue.size === 0)) {
      const entry = await queue.next(signal).catch(() => undefined);
      if (entry) await this.#attempt(entry, signal);
    }
  }

  async #attempt(entry: QueueEntry, signal: AbortSignal): Promise<void> {
    const { queue, policy, clock } = this.#options;
    if (this.#current !== entry) this.#attempts = 0;
    this.#current = entry;
    const event = await queue.read(entry).catch(() => undefined);
    // Its line on disk was damaged after startup: there is nothing to send.
    if (event === undefined) return this.#done(entry);
    const reason = await this.#post(event, signal);
    if (reason === undefined) return this.#done(entry);
    if (signal.aborted) return;
    this.#failed(reason);
    if (await this.#deadLetterOld(entry, event, reason)) return;
    await clock.sleep(backoffMs(this.#failures, policy), { signal }).catch(() => {});
  }

  /** @returns why it was not accepted; undefined when it was */
  async #post(event: string, signal: AbortSignal): Promise<string | undefined> {
    const { sink, events } = this.#options;
    try {
      const { status, isAccepted } = await sink.post(envelopeOf(event), signal);
      if (isAccepted) events.delivered(status);
      else events.rejected(status);
      this.#attempts++;
      return isAccepted ? undefined : status;
    } catch (err) {
      if (!signal.aborted) events.failed();
      return reasonOf(err);
    }
  }

  #done(entry: QueueEntry): void {
    const { queue, events } = this.#options;
    queue.remove(entry);
    if (this.#failures >= this.#options.policy.threshold) {
      events.stateChanged({ reason: undefined, pending: queue.size });
    }
    this.#failures = 0;
  }

  #failed(reason: string): void {
    const { queue, events, policy } = this.#options;
    this.#failures++;
    if (this.#failures === policy.threshold) events.stateChanged({ reason, pending: queue.size });
  }

  /** @returns whether the event became a dead letter */
  async #deadLetterOld(entry: QueueEntry, event: string, reason: string): Promise<boolean> {
    const { queue, events, policy, clock } = this.#options;
    const isOld = policy.maxAgeMs > 0 && clock.now() - entry.queuedAt >= policy.maxAgeMs;
    const isExhausted = policy.maxAttempts > 0 && this.#attempts >= policy.maxAttempts;
    if (!isOld && !isExhausted) return false;
    await events.deadLettered(event, reason);
    queue.remove(entry);
    return true;
  }
}

/** Without the receiver's address, which may contain secrets. */
function reasonOf(err: unknown): string {
  if (!(err instanceof Error)) return 'failed';
  if (err instanceof PostTimeoutError) return err.message;
  return (err as NodeJS.ErrnoException).code ?? err.name;
}
