import { stat } from 'node:fs/promises';

/** Smaller directories are read each time. Names. */
const MIN_NAMES = 500;
/** Of all listings together. */
const MAX_NAMES = 500_000;
/** A directory that changed this shortly before it was read may have changed again within the same tick of its clock. Milliseconds. */
const SETTLED_MS = 2_000;

interface Listing {
  readonly names: readonly string[];
  readonly version: string;
}

/**
 * Sorted names of large directories, for as long as the directory does not change: pages of a list of 10 000 tags read it once. Whether it
 * has changed is asked of the file system each time.
 */
export class LargeListings {
  /** In the order of their last use. */
  readonly #known = new Map<string, Listing>();
  #names = 0;

  /** @param read the names, sorted */
  async list(directory: string, read: () => Promise<string[]>): Promise<readonly string[]> {
    const startedAt = Date.now();
    const known = this.#known.get(directory);
    if (!known) return this.#remember(directory, { names: await read(), startedAt });
    const version = await versionOf(directory);
    this.#forget(directory);
    if (version?.text !== known.version) return this.#remember(directory, { names: await read(), startedAt });
    this.#add(directory, known);
    return known.names;
  }

  /** Keeps a listing if nothing has changed since before it was read. */
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
    for (const [oldest] of this.#known) {
      if (this.#names + listing.names.length <= MAX_NAMES) break;
      this.#forget(oldest);
    }
    this.#known.set(directory, listing);
    this.#names += listing.names.length;
  }

  #forget(directory: string): void {
    const listing = this.#known.get(directory);
    if (listing && this.#known.delete(directory)) this.#names -= listing.names.length;
  }
}

async function versionOf(
  directory: string,
): Promise<{ readonly text: string; readonly changedAt: number } | undefined> {
  const info = await stat(directory, { bigint: true }).catch(() => undefined);
  return info && { text: `${info.dev}.${info.ino}.${info.ctimeNs}`, changedAt: Number(info.ctimeMs) };
}
