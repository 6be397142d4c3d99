import { stat } from 'node:fs/promises';

/** Listings with fewer names are not cached. */
const MIN_NAMES = 500;
/** Total number of names of all listings. */
const MAX_NAMES = 500_000;
/** A directory that changed less than this before it was read may change again within the same clock tick. Milliseconds. */
const SETTLED_MS = 2_000;
/** A directory of at least this size may have more entries than can be read at once without blocking. Bytes. */
const LARGE_BYTES = 16 * 1024;

interface Listing {
  readonly names: readonly string[];
  readonly version: string;
}

/** A look at a directory. */
interface Seen {
  readonly version: string;
  /** It did not change for so long that a later change has another version. */
  readonly isSettled: boolean;
  readonly isLarge: boolean;
}

interface Reading {
  /** Absent when the directory cannot be looked at. */
  readonly seen: Seen | undefined;
  readonly names: Promise<readonly string[]>;
  /** Starts when this one has ended, for calls that came too late for it. */
  next?: Promise<readonly string[]>;
}

/** Returns the sorted names. */
export type ReadNames = (directory: { readonly isLarge: boolean }) => Promise<string[]>;

/**
 * Caches the sorted names of large directories while these do not change, so that the pages of a list of 10 000 tags read the
 * directory once. Each call compares the directory's identity and change time with the cached listing.
 *
 * At most one reading of a directory runs. Calls that arrive meanwhile share it when the directory did not change since it started, and
 * share the next one otherwise.
 */
export class LargeListings {
  /** In the order of their last use. */
  readonly #listings = new Map<string, Listing>();
  readonly #readings = new Map<string, Reading>();
  #names = 0;

  async list(directory: string, read: ReadNames): Promise<readonly string[]> {
    const seen = await look(directory);
    const known = this.#listings.get(directory);
    this.#forget(directory);
    if (known && seen?.version === known.version) {
      this.#add(directory, known);
      return known.names;
    }
    const running = this.#readings.get(directory);
    if (!running) return this.#start(directory, seen, read);
    if (seen?.isSettled && seen.version === running.seen?.version) return running.names;
    running.next ??= running.names.then(ignore, ignore).then(() => this.list(directory, read));
    return running.next;
  }

  #start(directory: string, seen: Seen | undefined, read: ReadNames): Promise<readonly string[]> {
    const names = this.#read(directory, seen, read).finally(() => this.#readings.delete(directory));
    this.#readings.set(directory, { seen, names });
    return names;
  }

  /** Caches the listing when the directory did not change since before it was read. */
  async #read(directory: string, seen: Seen | undefined, read: ReadNames): Promise<readonly string[]> {
    const names = await read({ isLarge: seen?.isLarge ?? false });
    if (!seen?.isSettled || names.length < MIN_NAMES || names.length > MAX_NAMES) return names;
    const { version } = seen;
    if ((await look(directory))?.version !== version) return names;
    this.#forget(directory);
    this.#add(directory, { names, version });
    return names;
  }

  #add(directory: string, listing: Listing): void {
    for (const [oldest] of this.#listings) {
      if (this.#names + listing.names.length <= MAX_NAMES) break;
      this.#forget(oldest);
    }
    this.#listings.set(directory, listing);
    this.#names += listing.names.length;
  }

  #forget(directory: string): void {
    const listing = this.#listings.get(directory);
    if (listing && this.#listings.delete(directory)) this.#names -= listing.names.length;
  }
}

async function look(directory: string): Promise<Seen | undefined> {
  const now = Date.now();
  const info = await stat(directory, { bigint: true }).catch(() => undefined);
  return (
    info && {
      version: `${info.dev}.${info.ino}.${info.ctimeNs}`,
      isSettled: Number(info.ctimeMs) <= now - SETTLED_MS,
      isLarge: Number(info.size) >= LARGE_BYTES,
    }
  );
}

function ignore(): void {}
