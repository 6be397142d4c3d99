import { randomUUID } from 'node:crypto';
import { link, mkdir, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

import { hasEnded, type ProcessIdentity, THIS_PROCESS } from './process-identity.ts';

/** How often a holder shows that it is alive. Milliseconds. */
const HEARTBEAT_MS = 2_000;
/** A lock whose holder has not been heard of for this long is nobody's. Milliseconds. */
const STALE_MS = 8_000;

const LOCK = '.lock';
const DRAFT = '.draft';

/**
 * Who writes to which spool, when processes share a directory: replicas on one file system, or an old process that drains while the
 * new one starts. Two writers would spoil each other's file.
 *
 * A lock is a small file next to the spools. A holder on this machine that has ended loses its locks at once, one on another
 * machine when its heartbeat has stopped.
 */
export class FileLocks {
  readonly #directory: string;
  readonly #held = new Set<string>();
  #heart: NodeJS.Timeout | undefined;

  constructor(directory: string) {
    this.#directory = directory;
  }

  async start(): Promise<void> {
    await mkdir(this.#directory, { recursive: true });
    for (const file of await readdir(this.#directory)) await this.#removeStale(file);
    this.#heart = setInterval(() => void this.#beat(), HEARTBEAT_MS).unref();
  }

  stop(): void {
    clearInterval(this.#heart);
  }

  /** @returns false when another process holds it */
  async take(name: string): Promise<boolean> {
    if ((await this.#create(name)) || ((await this.#isStale(name)) && (await this.#replace(name)))) {
      this.#held.add(name);
      return true;
    }
    return false;
  }

  /** Never fails: a lock that cannot be removed grows stale. */
  async release(name: string): Promise<void> {
    if (this.#held.delete(name)) await rm(this.#path(name), { force: true }).catch(() => {});
  }

  /** Whether anybody holds it, this process included. */
  async isHeld(name: string): Promise<boolean> {
    return this.#held.has(name) || !(await this.#isStale(name));
  }

  /** The lock appears with its content in it: a half-written one, left by a kill, would be nobody's for a while. */
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

  async #removeStale(file: string): Promise<void> {
    const path = join(this.#directory, file);
    const isOld = async () => Date.now() - (await stat(path)).mtimeMs > STALE_MS;
    const isStale = file.endsWith(DRAFT) ? await isOld().catch(() => false) : await this.#isStale(basename(file, LOCK));
    if (isStale) await rm(path, { force: true });
  }

  /** Also when there is none. */
  async #isStale(name: string): Promise<boolean> {
    try {
      const info = await stat(this.#path(name));
      if (Date.now() - info.mtimeMs > STALE_MS) return true;
      return hasEnded(JSON.parse(await readFile(this.#path(name), 'utf8')) as ProcessIdentity);
    } catch (err) {
      // Otherwise it is being written right now: whoever asks does without.
      return (err as NodeJS.ErrnoException).code === 'ENOENT';
    }
  }

  async #beat(): Promise<void> {
    const now = new Date();
    // A lock that cannot be touched (a full or lost disk) grows stale, which is the truth.
    await Promise.allSettled([...this.#held].map((name) => utimes(this.#path(name), now, now)));
  }

  #path(name: string): string {
    return join(this.#directory, `${name}${LOCK}`);
  }
}
