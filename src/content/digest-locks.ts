import { setImmediate } from 'node:timers/promises';

/** A manifest can name tens of thousands of digests: others get their turn in between. */
const KEYS_AT_ONCE = 256;

/** Who waits for whom at one key. */
interface Queue {
  /** Settles when the last that is alone has ended. */
  readonly alone: Promise<unknown>;
  /** Settles when everybody has. */
  readonly all: Promise<unknown>;
}

/**
 * For each digest one piece of work at a time, or any number of pieces that share it, in the order in which they were asked for.
 * Within one process: what several do to the same storage is not ordered by it.
 */
export class DigestLocks<K extends string> {
  readonly #queues = new Map<K, Queue>();

  /** Not to be called from within work on the same digest: it would wait for itself. */
  run<T>(key: K, work: () => Promise<T>): Promise<T> {
    return this.runSharing({ alone: [key], shared: [] }, work);
  }

  /** Alone with all of them. */
  runAll<T>(keys: Iterable<K>, work: () => Promise<T>): Promise<T> {
    return this.runSharing({ alone: [...keys], shared: [] }, work);
  }

  /** Alone with some, and beside others that share the rest with it: those who want one of these alone have to wait. */
  async runSharing<T>({ alone, shared }: Record<'alone' | 'shared', readonly K[]>, work: () => Promise<T>): Promise<T> {
    const own = new Set(alone);
    const releases: (() => void)[] = [];
    try {
      // In an order that everybody keeps, so that nobody waits for one who waits for him.
      for (const key of [...new Set([...alone, ...shared])].sort()) {
        const { release, ready } = this.#acquire(key, own.has(key));
        releases.push(release);
        if (ready) await ready;
        if (releases.length % KEYS_AT_ONCE === 0) await setImmediate();
      }
      return await work();
    } finally {
      for (const release of releases) release();
    }
  }

  /** @returns `ready` when others have to end first */
  #acquire(key: K, isAlone: boolean): { readonly release: () => void; readonly ready: Promise<unknown> | undefined } {
    const before = this.#queues.get(key);
    let end = () => {};
    const mine = new Promise<void>((resolve) => (end = resolve));
    const queue = isAlone ? { alone: mine, all: mine } : beside(before, mine);
    this.#queues.set(key, queue);
    const release = () => {
      end();
      if (!before) this.#forget(key, queue);
    };
    if (before) void queue.all.then(() => this.#forget(key, queue));
    return { release, ready: isAlone ? before?.all : before?.alone };
  }

  #forget(key: K, queue: Queue): void {
    if (this.#queues.get(key) === queue) this.#queues.delete(key);
  }
}

function beside(before: Queue | undefined, mine: Promise<void>): Queue {
  if (!before) return { alone: Promise.resolve(), all: mine };
  return { alone: before.alone, all: Promise.all([before.all, mine]) };
}
