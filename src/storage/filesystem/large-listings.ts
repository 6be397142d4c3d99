import { stat } from 'node:fs/promises';

/** Directories with fewer names are read each time. */
const MIN_NAMES = 500;
/** Total number of names of all listings. */
const MAX_NAMES = 500_000;
/** A directory that changed less than this before it was read may change again within the same clock tick. Milliseconds. */
const SETTLED_MS = 2_000;

interface Listing {
  readonly names: readonly string[];
  readonly version: string;
}

/**
 * Caches the sorted names of large directories while these do not change, so that the pages of a list of 10 000 tags read the
 * directory once. Each call compares the directory's identity and change time with the cached listing.
 */
export class LargeListings {
  /** In the order of their last use. */
  readonly #listings = new Map<string, Listing>();
  #names = 0;

  /** @param read returns the sorted names */
  async list(directory: string, read: () => Promise<string[]>): Promise<readonly string[]> {
    const startedAt = Date.now();
    const known = this.#listings.get(directory);
    if (!known) return this.#remember(directory, { names: await read(), startedAt });
    const version = await versionOf(directory);
    this.#forget(directory);
    if (version?.text !== known.version) return this.#remember(directory, { names: await read(), startedAt });
    this.#add(directory, known);
    return known.names;
  }

  /** Caches a listing when the directory did not change since before it was read. */
  async #remember(
    directory: string,
    { names, startedAt }: { readonly names: readonly string[]; readonly startedAt: number },
  ): Promise<readonly string[]> {
    if (names.length < MIN_NAMES || names.length > MAX_NAMES) return names;
    const version = await versionOf(directory);
    if (!version || version.changedAt > startedAt - SETTLED_MS) return names;
    this.#forget(directory);
    this.#add(directory, { names, version: version.text });
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

async function versionOf(
  directory: string,
): Promise<{ readonly text: string; readonly changedAt: number } | undefined> {
  const info = await stat(directory, { bigint: true }).catch(() => undefined);
  return info && { text: `${info.dev}.${info.ino}.${info.ctimeNs}`, changedAt: Number(info.ctimeMs) };
}
