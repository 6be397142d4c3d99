import { join } from 'node:path';

import { FileLocks } from './file-locks.ts';

/** The part of a storage driver's options that decides whether processes can share its directory. */
export interface OwnedStorage {
  /** Only the directory of `filesystem` has an owner. */
  readonly kind: string;
  readonly rootDirectory?: string;
}

/**
 * A claim on a storage directory. One of the processes that share a directory owns it, and does its expiry and eviction.
 */
export interface DirectoryOwner {
  /** Resolves when this process becomes the owner; never when another process remains it. */
  readonly acquired: Promise<void>;
  /** Whether this process is the owner now. */
  readonly isOwner: boolean;
  /** Ends the ownership, or the wait for it. */
  release(): Promise<void>;
}

/** How often a waiting process checks whether the owner has ended. Milliseconds. */
const POLL_MS = 1_000;
const LOCK = 'keeper';

/**
 * Makes this process the owner of the storage directory, now or when the present owner ends: while an old process drains,
 * the new one waits, and serves requests meanwhile. Storage without a directory is owned at once.
 */
export async function acquireDirectory(storage: OwnedStorage): Promise<DirectoryOwner> {
  const locks = locksOf(storage);
  if (!locks) return { acquired: Promise.resolve(), isOwner: true, release: async () => {} };
  await locks.start().catch(() => {}); // a read-only file system: nothing to expire or evict
  const claim = new DirectoryClaim(locks);
  await claim.take();
  return claim;
}

class DirectoryClaim implements DirectoryOwner {
  readonly acquired: Promise<void>;
  isOwner = false;
  readonly #locks: FileLocks;
  #onAcquired: () => void = () => {};
  #isReleased = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(locks: FileLocks) {
    this.#locks = locks;
    this.acquired = new Promise((resolve) => {
      this.#onAcquired = resolve;
    });
  }

  async take(): Promise<void> {
    const isTaken = await this.#locks.take(LOCK).catch(() => false);
    if (this.#isReleased) return this.#locks.release(LOCK);
    if (!isTaken) {
      this.#timer = setTimeout(() => void this.take(), POLL_MS).unref();
      return;
    }
    this.isOwner = true;
    this.#onAcquired();
  }

  async release(): Promise<void> {
    this.#isReleased = true;
    clearTimeout(this.#timer);
    await this.#locks.release(LOCK);
    this.#locks.stop();
  }
}

/** Makes this process the owner if there is none, for a command. @returns undefined when another process is the owner */
export async function tryAcquireDirectory(storage: OwnedStorage): Promise<{ release(): Promise<void> } | undefined> {
  const locks = locksOf(storage);
  if (!locks) return { release: async () => {} };
  await locks.start();
  if (await locks.take(LOCK)) {
    return {
      async release() {
        await locks.release(LOCK);
        locks.stop();
      },
    };
  }
  locks.stop();
  return undefined;
}

function locksOf({ kind, rootDirectory }: OwnedStorage): FileLocks | undefined {
  if (kind !== 'filesystem' || rootDirectory === undefined) return undefined;
  return new FileLocks(join(rootDirectory, 'layover', 'locks'));
}
