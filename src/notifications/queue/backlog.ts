import type { QueueEntry } from './segment.ts';

export interface BacklogLimits {
  readonly maxEvents: number;
  readonly maxBytes: number;
}

/** The waiting events in order, and the decision which ones to drop above a limit. Without I/O. */
export class Backlog {
  readonly #limits: BacklogLimits;
  readonly #waiting = new Line();
  readonly #pulls = new Line();
  #size = 0;
  #bytes = 0;

  constructor(limits: BacklogLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#size;
  }

  /** Adds an event. @returns events dropped for it, marked as gone: the oldest pulls, or without pulls the oldest events */
  add(entry: QueueEntry): QueueEntry[] {
    this.#waiting.add(entry);
    if (entry.isPull) this.#pulls.add(entry);
    this.#size++;
    this.#bytes += entry.bytes;
    const evicted: QueueEntry[] = [];
    while (this.#size > this.#limits.maxEvents || this.#bytes > this.#limits.maxBytes) {
      const oldest = this.#pulls.first() ?? this.#waiting.first();
      if (!oldest) break;
      this.remove(oldest);
      evicted.push(oldest);
    }
    return evicted;
  }

  /** Marks an event as gone. @returns false when it already was */
  remove(entry: QueueEntry): boolean {
    if (entry.isGone) return false;
    entry.isGone = true;
    this.#size--;
    this.#bytes -= entry.bytes;
    if (entry.isPull) this.#pulls.first(); // removes it from the line
    return true;
  }

  first(): QueueEntry | undefined {
    return this.#waiting.first();
  }

  entries(): QueueEntry[] {
    return this.#waiting.entries();
  }
}

/** Entries are removed in any order, usually from the front, and skipped once they are gone. */
class Line {
  #entries: QueueEntry[] = [];
  #head = 0;

  add(entry: QueueEntry): void {
    this.#entries.push(entry);
  }

  first(): QueueEntry | undefined {
    while (this.#entries[this.#head]?.isGone) this.#head++;
    if (this.#head * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
    return this.#entries[this.#head];
  }

  entries(): QueueEntry[] {
    return this.#entries.filter((entry) => !entry.isGone);
  }
}
