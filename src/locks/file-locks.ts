import { randomUUID } from 'node:crypto';
import { link, mkdir, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

import { hasEnded, type ProcessIdentity, THIS_PROCESS } from './process-identity.ts';

/** Interval between two heartbeats of a holder. Milliseconds. */
const HEARTBEAT_MS = 2_000;
/** A lock without a heartbeat for this long is free. Milliseconds. */
const STALE_MS = 8_000;

const LOCK = '.lock';
const DRAFT = '.draft';

/**
 * Locks between processes that share a directory: replicas on one file system, or an old process that drains while the new
 * one starts.
 *
 * A lock is a small file. When its holder has ended, the lock is free: at once on the same machine, and on another machine
 * some time after the last heartbeat.
 */
export class FileLocks {
  readonly #directory: string;
  readonly #held = new Set<string>();
  #heartbeat: NodeJS.Timeout | undefined;
  #draftRemoval: NodeJS.Timeout | undefined;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Creates the directory, removes the locks of processes that have ended, and starts the heartbeat. */
  async start(): Promise<void> {
    await mkdir(this.#directory, { recursive: true });
    for (const file of await readdir(this.#directory)) {
      if (file.endsWith(LOCK) && (await this.#isStale(basename(file, LOCK)))) await this.#remove(file);
    }
    await this.#removeStaleDrafts();
    // Again when a half-written draft, left by a process that was killed shortly before, is stale.
    const removeLater = () => void this.#removeStaleDrafts().catch(() => {});
    this.#draftRemoval = setTimeout(removeLater, STALE_MS + HEARTBEAT_MS).unref();
    this.#heartbeat = setInterval(() => void this.#beat(), HEARTBEAT_MS).unref();
  }

  /** Ends the heartbeat: held locks become stale unless they are released. */
  stop(): void {
    clearInterval(this.#heartbeat);
    clearTimeout(this.#draftRemoval);
  }

  /** Acquires a lock. @returns false when another process holds it */
  async take(name: string): Promise<boolean> {
    if ((await this.#create(name)) || ((await this.#isStale(name)) && (await this.#replace(name)))) {
      this.#held.add(name);
      return true;
    }
    return false;
  }

  /** Never fails: a lock that cannot be removed becomes stale. */
  async release(name: string): Promise<void> {
    if (this.#held.delete(name)) await rm(this.#path(name), { force: true }).catch(() => {});
  }

  /** Whether a process holds the lock, including this one. */
  async isHeld(name: string): Promise<boolean> {
    return this.#held.has(name) || !(await this.#isStale(name));
  }

  /** The lock appears together with its content: a half-written one, left by a killed process, would block the lock for a while. */
  async #create(name: string): Promise<boolean> {
    const draft = join(this.#directory, `${randomUUID()}${DRAFT}`);
    try {
      await writeFile(draft, JSON.stringify(THIS_PROCESS), { flag: 'wx' });
      await link(draft, this.#path(name));
      return true;
    } catch (err) {
      if ((err as NodeJS.ErrnoException).code === 'EEXIST') return false;
      throw err;
    } finally {
      await rm(draft, { force: true });
    }
  }

  async #replace(name: string): Promise<boolean> {
    await rm(this.#path(name), { force: true });
    return this.#create(name);
  }

  /** Leaves locks alone: one that looks stale may be replaced before it is removed, or be held by this process after a pause. */
  async #removeStaleDrafts(): Promise<void> {
    for (const file of await readdir(this.#directory)) {
      if (file.endsWith(DRAFT) && (await isStaleDraft(join(this.#directory, file)))) await this.#remove(file);
    }
  }

  /** A file that cannot be removed must not keep the heartbeat from starting: held locks would become stale. */
  async #remove(file: string): Promise<void> {
    await rm(join(this.#directory, file), { force: true }).catch(() => {});
  }

  /** True also for a lock that does not exist. */
  async #isStale(name: string): Promise<boolean> {
    try {
      return (await isOld(this.#path(name))) || (await isFromEndedProcess(this.#path(name)));
    } catch (err) {
      // Otherwise the file is being replaced at this moment, and the lock counts as held.
      return (err as NodeJS.ErrnoException).code === 'ENOENT';
    }
  }

  async #beat(): Promise<void> {
    const now = new Date();
    // A lock that cannot be touched, for example on a lost disk, becomes stale, as it should.
    await Promise.allSettled([...this.#held].map((name) => utimes(this.#path(name), now, now)));
  }

  #path(name: string): string {
    return join(this.#directory, `${name}${LOCK}`);
  }
}

async function isOld(path: string): Promise<boolean> {
  return Date.now() - (await stat(path)).mtimeMs > STALE_MS;
}

/** Whether the process that wrote the file has ended. @throws when the file is half-written */
async function isFromEndedProcess(path: string): Promise<boolean> {
  return hasEnded(JSON.parse(await readFile(path, 'utf8')) as ProcessIdentity);
}

/** False while a process may still turn it into a lock. */
async function isStaleDraft(path: string): Promise<boolean> {
  const hasNoWriter = await isFromEndedProcess(path).catch(() => false);
  return hasNoWriter || isOld(path).catch(() => false);
}
