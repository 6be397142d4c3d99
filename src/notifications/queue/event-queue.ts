import { Backlog, type BacklogLimits } from './backlog.ts';
import { type Batch, EventLog, LostDirectoryError } from './event-log.ts';
import { decodeRecord, encodeRecord } from './record.ts';
import type { QueueEntry } from './segment.ts';

/** Bytes that may wait to be written. Above it the disk is too slow, and events of pulls are dropped. */
const MAX_UNWRITTEN_BYTES = 16 * 1024 * 1024;

export interface QueueEvents {
  /** Events were added (+) or removed (-). */
  pending(change: number): void;
  /** The event of a pull was dropped. */
  pullDropped(): void;
  /** The queue was full, and without events of pulls to drop. Resolves when these events are stored elsewhere. */
  evicted(events: readonly string[]): Promise<void>;
  /** Writing fails, or works again; once per change. @param change.reason absent when it works again */
  storageFailed(change: { readonly reason: string | undefined }): void;
}

export interface EventQueueOptions {
  /** Absent when the queue is in memory only. */
  readonly directory: string | undefined;
  readonly limits: BacklogLimits;
  readonly events: QueueEvents;
  /** Unix milliseconds. */
  readonly now: () => number;
}

/**
 * Events for one receiver, in order. They survive the process: when {@link append} resolves, the event is on disk. Events that are appended
 * at the same time share one write and one sync.
 */
export class EventQueue {
  readonly #options: EventQueueOptions;
  readonly #backlog: Backlog;
  readonly #log: EventLog | undefined;
  #nextSequence = 1;
  #unwritten: QueueEntry[] = [];
  #unwrittenBytes = 0;
  #written: { readonly resolve: () => void }[] = [];
  #writing: Promise<void> | undefined;
  /** Removed from the backlog, but not stored elsewhere yet. */
  #evicted: readonly QueueEntry[] = [];
  #onArrival: (() => void) | undefined;
  #isFailing = false;

  private constructor(options: EventQueueOptions, log: EventLog | undefined) {
    this.#options = options;
    this.#backlog = new Backlog(options.limits);
    this.#log = log;
  }

  /** Opens the queue with the events of an earlier process. @throws when the directory cannot be read or created */
  static async open(options: EventQueueOptions): Promise<EventQueue> {
    if (options.directory === undefined) return new EventQueue(options, undefined);
    const { log, entries, nextSequence } = await EventLog.open(options.directory);
    const queue = new EventQueue(options, log);
    queue.#nextSequence = nextSequence;
    await queue.#admit(entries);
    return queue;
  }

  /** Number of waiting events, including those being written. */
  get size(): number {
    return this.#backlog.size + this.#unwritten.length;
  }

  /**
   * Never fails: events that cannot be written are kept in memory.
   *
   * @param json an event, without line breaks
   * @returns resolves when the event is durable; for a pull at once
   */
  append(json: string, { isPull }: { readonly isPull: boolean }): Promise<void> {
    if (isPull && this.#unwrittenBytes > MAX_UNWRITTEN_BYTES) {
      this.#options.events.pullDropped();
      return Promise.resolve();
    }
    const record = { sequence: this.#nextSequence++, queuedAt: this.#options.now(), isPull };
    const line = encodeRecord(record, json);
    this.#unwritten.push({ ...record, bytes: line.length, place: line, isGone: false });
    this.#unwrittenBytes += line.length;
    const written = isPull ? Promise.resolve() : new Promise<void>((resolve) => this.#written.push({ resolve }));
    this.#writing ??= this.#writeAll();
    return written;
  }

  /** The oldest event, as soon as there is one. @throws the signal's reason */
  async next(signal: AbortSignal): Promise<QueueEntry> {
    for (;;) {
      signal.throwIfAborted();
      const first = this.#backlog.first();
      if (first) return first;
      await this.#arrival(signal);
    }
  }

  /** @returns undefined when its line is damaged */
  async read(entry: QueueEntry): Promise<string | undefined> {
    for (;;) {
      const { place } = entry;
      const line = Buffer.isBuffer(place) ? place : await place.segment.read(place.offset, entry.bytes);
      // Otherwise files were merged in the meantime, and its place has changed.
      if (entry.place === place) return decodeRecord(line);
    }
  }

  /** Removes an event that needs no more work. */
  remove(entry: QueueEntry): void {
    if (!this.#backlog.remove(entry)) return;
    this.#forget(entry);
  }

  /** Everything that was appended is then on disk. @param options.isRemoved removes the directory of an empty queue */
  async close({ isRemoved = false } = {}): Promise<void> {
    await this.#writing;
    await this.#log?.close({ isEmpty: isRemoved && this.size === 0 });
  }

  #forget(entry: QueueEntry): void {
    this.#options.events.pending(-1);
    this.#log?.release(entry);
    const oldest = this.#evicted[0] ?? this.#backlog.first();
    this.#log?.doneBefore(oldest?.sequence ?? entry.sequence + 1);
  }

  async #writeAll(): Promise<void> {
    while (this.#unwritten.length > 0) {
      const entries = this.#unwritten;
      const written = this.#written;
      this.#unwritten = [];
      this.#written = [];
      this.#unwrittenBytes = 0;
      await this.#write({ entries, isDurable: written.length > 0 });
      for (const { resolve } of written) resolve();
      await this.#admit(entries);
    }
    this.#writing = undefined;
  }

  async #write({ entries, isDurable }: Batch): Promise<void> {
    if (!this.#log) return;
    // Events that could not be written earlier come before the new ones, on disk as well.
    const held = this.#isFailing ? this.#backlog.entries().filter(({ place }) => Buffer.isBuffer(place)) : [];
    const batch = { entries: [...held, ...entries], isDurable: isDurable || held.length > 0 };
    try {
      await this.#log.append(batch).catch(async (err: unknown) => {
        if (!(err instanceof LostDirectoryError)) throw err;
        await this.#forgetLost();
        await this.#log?.append(batch);
      });
      this.#report(undefined);
    } catch (err) {
      this.#report(err instanceof Error ? err.message : String(err));
    }
  }

  async #forgetLost(): Promise<void> {
    const kept = new Set(await this.#log?.forgetLost(this.#backlog.entries()));
    for (const entry of this.#backlog.entries()) {
      if (!kept.has(entry) && this.#backlog.remove(entry)) this.#options.events.pending(-1);
    }
  }

  #report(reason: string | undefined): void {
    const isFailing = reason !== undefined;
    if (this.#isFailing === isFailing) return;
    this.#isFailing = isFailing;
    this.#options.events.storageFailed({ reason });
  }

  async #admit(entries: readonly QueueEntry[]): Promise<void> {
    const gone: QueueEntry[] = [];
    for (const entry of entries) {
      this.#options.events.pending(1);
      gone.push(...this.#backlog.add(entry));
    }
    this.#onArrival?.();
    await this.#giveUp(gone);
  }

  async #giveUp(entries: readonly QueueEntry[]): Promise<void> {
    const { events } = this.#options;
    for (const { isPull } of entries) if (isPull) events.pullDropped();
    const kept = entries.filter(({ isPull }) => !isPull);
    this.#evicted = kept;
    const read = await Promise.all(kept.map((entry) => this.read(entry).catch(() => undefined)));
    const evicted = read.filter((event) => event !== undefined);
    if (evicted.length > 0) await events.evicted(evicted);
    this.#evicted = [];
    for (const entry of entries) this.#forget(entry);
  }

  #arrival(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        signal.removeEventListener('abort', done);
        this.#onArrival = undefined;
        resolve();
      };
      this.#onArrival = done;
      signal.addEventListener('abort', done, { once: true });
    });
  }
}
