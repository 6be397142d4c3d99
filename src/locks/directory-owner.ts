import { join } from 'node:path';

import type { Config } from '../config/config.ts';
import { SpoolLocks } from './file-locks.ts';

/** Of the processes that share a directory, the one that looks after what is stored there: what expires, what is evicted. */
export interface Keeper {
  /** Resolves when it is this process; it may be that it never is. */
  readonly keeping: Promise<void>;
  /** It was from the start. */
  readonly isKeeper: boolean;
  release(): Promise<void>;
}

/** How often it is looked whether the process that looks after the directory has ended. Milliseconds. */
const TAKE_OVER_MS = 1_000;
const LOCK = 'keeper';

/** While the process before drains, the next one waits, and serves meanwhile. */
export async function keepAlone(config: Config, start: () => void): Promise<Keeper> {
  const locks = locksOf(config);
  if (!locks) {
    start();
    return { keeping: Promise.resolve(), isKeeper: true, release: async () => {} };
  }
  await locks.start().catch(() => {}); // a read-only file system: there is nothing to look after
  let timer: NodeJS.Timeout | undefined;
  const state = { isKeeper: false, isReleased: false };
  let onKeeping: () => void = () => {};
  const keeping = new Promise<void>((resolve) => (onKeeping = resolve));
  const take = async (): Promise<void> => {
    const isTaken = await locks.take(LOCK).catch(() => false);
    if (state.isReleased) return locks.release(LOCK);
    if (!isTaken) {
      timer = setTimeout(() => void take(), TAKE_OVER_MS).unref();
      return;
    }
    state.isKeeper = true;
    start();
    onKeeping();
  };
  await take();
  return {
    keeping,
    isKeeper: state.isKeeper,
    async release() {
      state.isReleased = true;
      clearTimeout(timer);
      await locks.release(LOCK);
      locks.stop();
    },
  };
}

/** For a command that does the keeper's work. @returns undefined when another process is the keeper */
export async function keepForCommand(config: Config): Promise<{ release(): Promise<void> } | undefined> {
  const locks = locksOf(config);
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

/** Undefined where there is no directory to share. */
function locksOf({ storage }: Config): SpoolLocks | undefined {
  const { driver } = storage;
  return driver.kind === 'filesystem' ? new SpoolLocks(join(driver.rootDirectory, 'layover', 'locks')) : undefined;
}
