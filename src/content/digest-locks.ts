import { setImmediate } from 'node:timers/promises';

/** A manifest can refer to tens of thousands of digests: other work runs in between. */
const KEYS_AT_ONCE = 256;

/** The work that holds or waits for one key. */
interface Queue {
  /** Settles when the last exclusive work has ended. */
  readonly exclusive: Promise<unknown>;
  /** Settles when all work has ended. */
  readonly all: Promise<unknown>;
}

/**
 * Read-write locks by key, granted in the order of the requests: per key one exclusive holder at a time, or any number of sharing ones.
 * Within one process only: it does not order what several processes do to the same storage.
 */
export class DigestLocks<K extends string> {
  readonly #queues = new Map<K, Queue>();

  /** Runs `work` as the exclusive holder of the key. Work on the same key within it would wait for itself. */
  run<T>(key: K, work: () => Promise<T>): Promise<T> {
    return this.runSharing({ exclusive: [key], shared: [] }, work);
  }

  /** Runs `work` as the exclusive holder of some keys, and a sharing holder of others. */
  async runSharing<T>(
    { exclusive, shared }: Record<'exclusive' | 'shared', readonly K[]>,
    work: () => Promise<T>,
  ): Promise<T> {
    const own = new Set(exclusive);
    const releases: (() => void)[] = [];
    try {
      // Always in the same order, so that two requests never wait for each other.
      for (const key of [...new Set([...exclusive, ...shared])].sort()) {
        const { release, ready } = this.#acquire(key, own.has(key) ? 'exclusive' : 'shared');
        releases.push(release);
        if (ready) await ready;
        if (releases.length % KEYS_AT_ONCE === 0) await setImmediate();
      }
      return await work();
    } finally {
      for (const release of releases) release();
    }
  }

  /** @returns `ready` when other work must end first */
  #acquire(
    key: K,
    mode: 'exclusive' | 'shared',
  ): { readonly release: () => void; readonly ready: Promise<unknown> | undefined } {
    const before = this.#queues.get(key);
    let end = () => {};
    const mine = new Promise<void>((resolve) => (end = resolve));
    const queue = mode === 'exclusive' ? { exclusive: mine, all: mine } : sharing(before, mine);
    this.#queues.set(key, queue);
    const release = () => {
      end();
      if (!before) this.#forget(key, queue);
    };
    if (before) void queue.all.then(() => this.#forget(key, queue));
    return { release, ready: mode === 'exclusive' ? before?.all : before?.exclusive };
  }

  #forget(key: K, queue: Queue): void {
    if (this.#queues.get(key) === queue) this.#queues.delete(key);
  }
}

function sharing(before: Queue | undefined, mine: Promise<void>): Queue {
  if (!before) return { exclusive: Promise.resolve(), all: mine };
  return { exclusive: before.exclusive, all: Promise.all([before.all, mine]) };
}
