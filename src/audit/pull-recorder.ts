import { randomUUID } from 'node:crypto';

import type { Clock, Timer } from '../clock/clock.ts';
import { ControlError } from '../operations/control-error.ts';
import type { PullLog, PullPage, PullQuery } from '../operations/pull-log.ts';
import type { ChildPlatforms } from './child-platforms.ts';
import { findPulls } from './find-pulls.ts';
import { PullBatch } from './pull-batch.ts';
import type { PullEvents } from './pull-events.ts';
import type { PullRecord, ServedRequest } from './pull-record.ts';
import type { PullStore, PullsToWrite } from './pull-store.ts';
import type { AddressDetail } from './recorded-address.ts';

export interface PullRecorderOptions {
  /** Opens the store, once. */
  readonly open: () => Promise<PullStore>;
  readonly platforms: ChildPlatforms;
  readonly addresses: AddressDetail;
  /** Milliseconds. */
  readonly keepMs: number;
  readonly maxBytes: number;
  readonly clock: Clock;
  readonly events: Omit<PullEvents, 'pullsDamaged'>;
}

/** Longest time that a pull is in memory only. Milliseconds. */
const FLUSH_MS = 2_000;
/** A batch with so many records is written at once. */
const MAX_PENDING = 2_000;
/** Batches that wait to be written, as while the store is unavailable: those of a minute, unless they are full. */
const MAX_UNWRITTEN = 30;
/** Between looks for old records when there are no pulls. Milliseconds. */
const TRIM_MS = 600_000;

/** Collects pulls, and writes them in batches. Clients never wait for it, and no pull fails because of it. */
export class PullRecorder implements PullLog {
  readonly #options: PullRecorderOptions;
  readonly #batch: PullBatch;
  #opening: Promise<PullStore> | undefined;
  /** Batches that are not known to be written, the oldest first. */
  #unwritten: PullsToWrite[] = [];
  #timer: Timer | undefined;
  #laterTimer: Timer | undefined;
  #writing: Promise<void> = Promise.resolve();
  #isFailing = false;
  #lost = 0;
  #hasRemovedEarly = false;
  #isClosed = false;

  constructor(options: PullRecorderOptions) {
    this.#options = options;
    this.#batch = new PullBatch(options.addresses);
  }

  /** Removes old records from now on. The store is opened when it is first needed: after a kill, its check takes a while. */
  start(): void {
    this.#continueLater();
  }

  record(request: ServedRequest): void {
    this.#batch.add(request, this.#options.clock.now());
    this.#wait();
  }

  /** Pulls that another process of the service has served. */
  recordAll(records: readonly PullRecord[]): void {
    for (const record of records) this.#batch.addRecord(record);
    this.#wait();
  }

  #wait(): void {
    if (this.#batch.size === 0 || this.#isClosed) return;
    if (this.#batch.size >= MAX_PENDING) void this.flush();
    else this.#timer ??= this.#options.clock.setTimer(() => void this.flush(), FLUSH_MS);
  }

  async findPulls(query: PullQuery): Promise<PullPage> {
    await this.flush();
    return findPulls(await this.#store(), query);
  }

  /** Resolves when all pulls are in the store, or could not be written. Never fails. */
  flush(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    const records = this.#batch.take();
    if (this.#unwritten.length >= MAX_UNWRITTEN)
      this.#lose(records.length, new Error('too many pulls wait to be written'));
    else if (records.length > 0) this.#unwritten.push({ id: randomUUID(), records });
    this.#writing = this.#writing.then(() => this.#write());
    return this.#writing;
  }

  async close(): Promise<void> {
    await this.flush();
    this.#isClosed = true;
    if (this.#unwritten.length > 0) this.#loseUnwritten(new Error('the service ended before they could be written'));
    this.#timer?.cancel();
    this.#laterTimer?.cancel();
    await this.#opening?.then(
      (store) => store.close(),
      () => {},
    );
  }

  async #write(): Promise<void> {
    try {
      const store = await this.#store();
      for (let next = this.#unwritten[0]; next; next = this.#unwritten[0]) {
        await store.append({ ...next, records: await this.#withPlatforms(next.records) });
        this.#unwritten.shift();
      }
      await this.#trim(store);
      this.#succeeded();
    } catch (err) {
      this.#failed(err);
    }
    if (!this.#isClosed) this.#continueLater();
  }

  /** A store that could not be opened is opened again at the next batch. */
  #store(): Promise<PullStore> {
    this.#opening ??= this.#options.open().catch((err: unknown) => {
      this.#opening = undefined;
      throw err;
    });
    return this.#opening;
  }

  async #withPlatforms(records: readonly PullRecord[]): Promise<PullRecord[]> {
    const complete: PullRecord[] = [];
    for (const record of records) {
      // Without the usage index, the record lacks the platform only.
      complete.push(await this.#options.platforms.addTo(record).catch(() => record));
    }
    return complete;
  }

  async #trim(store: PullStore): Promise<void> {
    const { clock, keepMs, maxBytes, events } = this.#options;
    const isFull = await store.trim({ now: clock.now(), keepMs, maxBytes });
    if (!isFull || this.#hasRemovedEarly) return;
    this.#hasRemovedEarly = true;
    events.pullsRemovedEarly();
  }

  /** Also when there are no further pulls. */
  #continueLater(): void {
    this.#laterTimer?.cancel();
    const { clock, keepMs } = this.#options;
    const delayMs = this.#unwritten.length > 0 ? FLUSH_MS : Math.min(TRIM_MS, keepMs);
    this.#laterTimer = clock.setTimer(() => void this.flush(), delayMs);
  }

  #succeeded(): void {
    if (!this.#isFailing) return;
    this.#isFailing = false;
    this.#options.events.pullsRecorded({ lost: this.#lost });
    this.#lost = 0;
  }

  #failed(error: unknown): void {
    if (error instanceof ControlError && error.reason === 'unavailable') return; // retried
    // A part of the first batch may have been written.
    this.#loseUnwritten(error);
  }

  #loseUnwritten(error: unknown): void {
    const records = this.#unwritten.reduce((sum, batch) => sum + batch.records.length, 0);
    this.#unwritten = [];
    this.#lose(records, error);
  }

  #lose(records: number, error: unknown): void {
    this.#lost += records;
    if (this.#isFailing) return;
    this.#isFailing = true;
    this.#options.events.pullsNotRecorded(error);
  }
}
