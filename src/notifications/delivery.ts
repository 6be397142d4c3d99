import { setTimeout as delay } from 'node:timers/promises';

import { type BackoffPolicy, backoffMs } from './backoff.ts';
import { envelopeOf } from './envelope.ts';
import { PostTimeoutError, type Sink } from './http-sink.ts';
import type { EventQueue } from './queue/event-queue.ts';
import type { QueueEntry } from './queue/segment.ts';

export interface DeliveryPolicy extends BackoffPolicy {
  /** A refused event this old is given up; 0: none is. Milliseconds. */
  readonly maxAgeMs: number;
  /** An event refused this often is given up; 0: none is. */
  readonly maxAttempts: number;
}

export interface DeliveryEvents {
  delivered(status: string): void;
  /** The receiver answered, and does not take it. */
  refused(status: string): void;
  /** The receiver did not answer. */
  unanswered(): void;
  /** Events begin to pile up, or no longer do. @param change.reason undefined: they are taken again */
  stateChanged(change: { readonly reason: string | undefined; readonly pending: number }): void;
  /** It is not tried any more. Resolves when it is kept elsewhere. */
  givenUp(event: string, reason: string): Promise<void>;
}

export interface DeliveryOptions {
  readonly queue: EventQueue;
  readonly sink: Sink;
  readonly policy: DeliveryPolicy;
  readonly events: DeliveryEvents;
  /** Nothing is added to the queue any more. */
  readonly endsWhenEmpty: boolean;
  /** Unix milliseconds. */
  readonly now: () => number;
}

/** Sends the events of one queue, one after the other, each until it is taken or given up: at least once, and in order. */
export class Delivery {
  readonly #options: DeliveryOptions;
  readonly #stopped = new AbortController();
  #running: Promise<void> = Promise.resolve();
  /** In a row. */
  #failures = 0;
  /** The event being sent, and how often it was answered. */
  #current: QueueEntry | undefined;
  #attempts = 0;

  constructor(options: DeliveryOptions) {
    this.#options = options;
  }

  /** @returns resolves when it was stopped, or has sent the last event there will be */
  start(): Promise<void> {
    this.#running = this.#run();
    return this.#running;
  }

  /** The receiver does not take events at the moment. */
  get isFailing(): boolean {
    return this.#failures > 0;
  }

  /** An event being sent may have been taken, and is sent again. */
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
    const { queue } = this.#options;
    if (this.#current !== entry) this.#attempts = 0;
    this.#current = entry;
    const event = await queue.read(entry).catch(() => undefined);
    // Its line was damaged on disk after it was read at the start: there is nothing left to send.
    if (event === undefined) return this.#done(entry);
    const reason = await this.#post(event, signal);
    if (reason === undefined) return this.#done(entry);
    if (signal.aborted) return;
    this.#failed(reason);
    if (await this.#giveUpOld(entry, event, reason)) return;
    await delay(backoffMs(this.#failures, this.#options.policy), undefined, { signal, ref: false }).catch(() => {});
  }

  /** @returns why it was not taken; undefined when it was */
  async #post(event: string, signal: AbortSignal): Promise<string | undefined> {
    const { sink, events } = this.#options;
    try {
      const { status, isAccepted } = await sink.post(envelopeOf(event), signal);
      if (isAccepted) events.delivered(status);
      else events.refused(status);
      this.#attempts++;
      return isAccepted ? undefined : status;
    } catch (err) {
      if (!signal.aborted) events.unanswered();
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

  /** @returns whether it was given up */
  async #giveUpOld(entry: QueueEntry, event: string, reason: string): Promise<boolean> {
    const { queue, events, policy, now } = this.#options;
    const isOld = policy.maxAgeMs > 0 && now() - entry.queuedAt >= policy.maxAgeMs;
    const isWornOut = policy.maxAttempts > 0 && this.#attempts >= policy.maxAttempts;
    if (!isOld && !isWornOut) return false;
    await events.givenUp(event, reason);
    queue.remove(entry);
    return true;
  }
}

/** Without addresses of the receiver, which may hold secrets. */
function reasonOf(err: unknown): string {
  if (!(err instanceof Error)) return 'failed';
  if (err instanceof PostTimeoutError) return err.message;
  return (err as NodeJS.ErrnoException).code ?? err.name;
}
