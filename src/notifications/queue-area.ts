import { randomUUID } from 'node:crypto';
import { readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';

/** Locks that assign queues to processes which share a directory. */
export interface QueueLocks {
  start(): Promise<void>;
  stop(): void;
  /** @returns false when another process holds it */
  take(name: string): Promise<boolean>;
  release(name: string): Promise<void>;
}

/** Maximum number of processes that share a directory. */
const MAX_SLOTS = 1000;

/** Separates a queue's slot from the unique part of its name. */
const MARK = '+';

/**
 * The queues of several processes in one directory. Each process has a slot: a number that it locks while it runs.
 * `<endpoint>/3` is the queue that the holder of slot 3 writes to, and all of `<endpoint>/3+…` are queues that it took over.
 *
 * A restarted process usually gets the same slot, and so its queues. The queues of a free slot are taken over by renaming them. A process
 * that only seemed to be dead notices that its files are gone (`EventLog.append`).
 */
export class QueueArea {
  readonly #directory: string;
  readonly #locks: QueueLocks;
  #slot = '0';

  constructor(directory: string, locks: QueueLocks) {
    this.#directory = directory;
    this.#locks = locks;
  }

  /** Takes a slot. @throws when the directory cannot be written, or no slot is free */
  async open(): Promise<void> {
    await this.#locks.start();
    for (let slot = 0; slot < MAX_SLOTS; slot++) {
      this.#slot = String(slot);
      if (await this.#locks.take(this.#slot)) return;
    }
    throw new Error(`all ${MAX_SLOTS} queues are in use`);
  }

  async close(): Promise<void> {
    await this.#locks.release(this.#slot);
    this.#locks.stop();
  }

  /** The queue for new events. */
  get own(): string {
    return this.#slot;
  }

  /** Queues of this slot that were taken over earlier and still have events. */
  async takenOver(endpoint: string): Promise<string[]> {
    return (await this.#queuesOf(endpoint)).filter((queue) => ownerOf(queue) === this.#slot && queue !== this.#slot);
  }

  /** Takes over the queues of ended processes. @returns their new names, by endpoint */
  async takeOver(endpoints: readonly string[]): Promise<{ readonly endpoint: string; readonly queue: string }[]> {
    const found: { endpoint: string; queue: string }[] = [];
    for (const endpoint of endpoints) {
      for (const queue of await this.#queuesOf(endpoint)) found.push({ endpoint, queue });
    }
    const owners = new Set(found.map(({ queue }) => ownerOf(queue)));
    owners.delete(this.#slot);
    const taken: { endpoint: string; queue: string }[] = [];
    for (const owner of owners) {
      if (!(await this.#locks.take(owner))) continue;
      const orphans = found.filter(({ queue }) => ownerOf(queue) === owner);
      for (const orphan of orphans) taken.push(...(await this.#rename(orphan)));
      await this.#locks.release(owner);
    }
    return taken;
  }

  /** The directory of an endpoint's queues. */
  directoryOf(endpoint: string): string {
    return join(this.#directory, encodeURIComponent(endpoint).replace(/^\./, '%2E'));
  }

  async #rename({ endpoint, queue }: { endpoint: string; queue: string }) {
    const name = `${this.#slot}${MARK}${randomUUID().slice(0, 8)}`;
    const directory = this.directoryOf(endpoint);
    try {
      await rename(join(directory, queue), join(directory, name));
      return [{ endpoint, queue: name }];
    } catch {
      return []; // its owner has finished it in the meantime
    }
  }

  async #queuesOf(endpoint: string): Promise<string[]> {
    const entries = await readdir(this.directoryOf(endpoint), { withFileTypes: true }).catch(() => []);
    return entries.filter((entry) => entry.isDirectory() && /^\d+(?:\+|$)/.test(entry.name)).map(({ name }) => name);
  }
}

function ownerOf(queue: string): string {
  return queue.split(MARK, 1).join();
}
