import { Backlog, type BacklogLimits } from './backlog.ts';
import { type Batch, EventLog, LostDirectoryError } from './event-log.ts';
import { decodeRecord, encodeRecord } from './record.ts';
import type { QueueEntry } from './segment.ts';

/** Bytes that may wait to be written; beyond it pulls are dropped, as the disk is slower than they come. */
const MAX_UNWRITTEN_BYTES = 16 * 1024 * 1024;

export interface QueueEvents {
  /** Something was added (+) or is gone (-). */
  pending(change: number): void;
  /** A pull that nobody will be told of. */
  pullDropped(): void;
  /** There was no room, and no pulls to go for them. Resolves when they are kept elsewhere. */
  evicted(events: readonly string[]): Promise<void>;
  /** Once when it begins, and once when it is over. @param change.reason undefined: it is over */
  storageFailed(change: { readonly reason: string | undefined }): void;
}

export interface EventQueueOptions {
  /** Undefined: in memory alone. */
  readonly directory: string | undefined;
  readonly limits: BacklogLimits;
  readonly events: QueueEvents;
  /** Unix milliseconds. */
  readonly now: () => number;
}

/**
 * Events for one receiver, in order, that survive the process: what {@link append} has resolved for is on disk. Many that are appended at
 * the same time share one write and one sync.
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
  /** Out of the backlog, and not kept elsewhere yet. */
  #evicted: readonly QueueEntry[] = [];
  #onArrival: (() => void) | undefined;
  #isFailing = false;

  private constructor(options: EventQueueOptions, log: EventLog | undefined) {
    this.#options = options;
    this.#backlog = new Backlog(options.limits);
    this.#log = log;
  }

  /** With what an earlier process left. @throws when the directory can not be read or made */
  static async open(options: EventQueueOptions): Promise<EventQueue> {
    if (options.directory === undefined) return new EventQueue(options, undefined);
    const { log, entries, nextSequence } = await EventLog.open(options.directory);
    const queue = new EventQueue(options, log);
    queue.#nextSequence = nextSequence;
    await queue.#admit(entries);
    return queue;
  }

  /** How many wait, those being written included. */
  get size(): number {
    return this.#backlog.size + this.#unwritten.length;
  }

  /**
   * Never fails: what the disk does not take is kept in memory.
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

  /** The oldest, as soon as there is one. @throws the signal's reason */
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
      // Files were made one in the meantime: it is elsewhere.
      if (entry.place === place) return decodeRecord(line);
    }
  }

  /** Nothing is left to be done with it. */
  remove(entry: QueueEntry): void {
    if (!this.#backlog.remove(entry)) return;
    this.#forget(entry);
  }

  /** What was appended is on disk. @param options.isRemoved the directory goes, if nothing waits */
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
    // Those that the disk did not take are before the new ones, on disk as well.
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
