import type { FinishedRequest } from '../http/v2/request-events.ts';
import { boundedRequest, type SeenRequest, shortened } from './seen-request.ts';
import { type ClientCounts, TopClients } from './top-clients.ts';

/** A kept request. */
export interface Seen {
  /** Its number since the start. */
  readonly id: number;
  /** Unix milliseconds. */
  readonly at: number;
  readonly request: SeenRequest;
}

/** What a worker process saw since its last batch. */
export interface ActivityBatch {
  /** The last ones. */
  readonly requests: readonly Omit<Seen, 'id'>[];
  readonly clients: readonly ClientCounts[];
}

type Slot = { -readonly [Key in keyof Seen]: Seen[Key] } & { isCounted: boolean };

export interface ActivityOptions {
  /** Requests that are kept. */
  readonly requests: number;
  /** Clients whose requests are counted. */
  readonly clients: number;
}

/** Requests that are counted together, so that the ring is all that a request costs at its end. */
const COUNT_EVERY = 250;

/** The last requests, and the clients with the most. */
export class Activity {
  readonly #size: number;
  readonly #slots: Slot[] = [];
  readonly #clients: TopClients;
  #next = 0;
  #uncounted = 0;
  /** No request before this number is uncounted. */
  #counted = 0;

  constructor({ requests, clients }: ActivityOptions) {
    this.#size = requests;
    this.#clients = new TopClients(clients);
  }

  /** @param at Unix milliseconds */
  record(request: FinishedRequest, at: number): void {
    this.#keep(boundedRequest(request), at, false);
    if (++this.#uncounted >= Math.min(COUNT_EVERY, this.#size)) this.#count();
  }

  /** Adds what another process saw. */
  merge({ requests, clients }: ActivityBatch): void {
    for (const { request, at } of requests) this.#keep(request, at, true);
    for (const counts of clients) this.#clients.merge(counts);
  }

  /** Removes everything. Its requests can be sent to another process. */
  take(): ActivityBatch {
    this.#count();
    const requests = [...this.newest()].toReversed().map(({ at, request }) => ({ at, request: shortened(request) }));
    this.#slots.length = 0;
    this.#next = 0;
    this.#counted = 0;
    return { requests, clients: this.#clients.take() };
  }

  /** From the newest one before `before`, a number of one. */
  *newest(before = this.#next): Generator<Seen, void, void> {
    const oldest = Math.max(0, this.#next - this.#size);
    for (let id = Math.min(before, this.#next) - 1; id >= oldest; id--) {
      const slot = this.#slots[id % this.#size];
      if (slot) yield slot;
    }
  }

  topClients(): readonly ClientCounts[] {
    this.#count();
    return this.#clients.sorted();
  }

  #keep(request: SeenRequest, at: number, isCounted: boolean): void {
    const slot = this.#slots[this.#next % this.#size];
    // Requests of other processes can fill the ring before those of this one are counted.
    if (slot?.isCounted === false) this.#count();
    const id = this.#next++;
    if (!slot) {
      this.#slots.push({ id, at, request, isCounted });
      return;
    }
    slot.id = id;
    slot.at = at;
    slot.request = request;
    slot.isCounted = isCounted;
  }

  #count(): void {
    if (this.#uncounted === 0) return;
    for (let id = Math.max(this.#counted, this.#next - this.#size); id < this.#next; id++) {
      const slot = this.#slots[id % this.#size];
      if (slot?.isCounted !== false) continue;
      this.#clients.add(slot.request, slot.at);
      slot.isCounted = true;
    }
    this.#counted = this.#next;
    this.#uncounted = 0;
  }
}
