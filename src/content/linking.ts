import { type Digest, digestAlgorithm } from '../oci/digest.ts';
import type { DigestLocks } from './digest-locks.ts';
import { type CollectionGuard, collectedError } from './garbage/collection-guard.ts';
import type { LinkLedger, NewLink } from './link-ledger.ts';
import type { LinkStore } from './links.ts';
import { layerLinkPath } from './paths.ts';

export interface LinkingOptions {
  readonly locks: DigestLocks<Digest>;
  readonly links: LinkStore;
  readonly guard: CollectionGuard;
  /** Absent when no usage record is kept. */
  readonly ledger: LinkLedger | undefined;
  /** A link younger than this proves that its content is in use. Milliseconds. */
  readonly freshMs: number;
}

export interface Confirmation {
  /** When the caller began to look at stored content. Unix milliseconds. */
  readonly since: number;
  /** Whether all of it is still there. Called when a collection may have ended meanwhile. */
  readonly isThere: () => Promise<boolean>;
}

/**
 * What every change of links goes through: the lock of the digest, the ledger, and the guard against a garbage collection in progress.
 *
 * Cached content can be fetched again, so {@link protect} informs only the collection of this process.
 * Pushed content cannot, so it is {@link confirm confirmed} against the collections of other processes too.
 */
export class Linking {
  readonly locks: DigestLocks<Digest>;
  readonly #options: LinkingOptions;

  constructor(options: LinkingOptions) {
    this.locks = options.locks;
    this.#options = options;
  }

  /** After this many milliseconds a link no longer proves that its content is in use. */
  get freshMs(): number {
    return this.#options.freshMs;
  }

  /** Links written before this are to be written again. Unix milliseconds. */
  freshSince(): number {
    return Date.now() - this.#options.freshMs;
  }

  /** Runs `make` with the ledger informed before and after, so that no link is missing from the record. */
  async recorded<T>(link: NewLink, make: () => Promise<T>): Promise<T> {
    const linked = await this.#options.ledger?.willLink(link);
    try {
      return await make();
    } finally {
      linked?.();
    }
  }

  /** Runs `remove` for a link that a client deletes, with the ledger informed before and after. */
  async unrecorded<T>(link: Pick<NewLink, 'repository' | 'digest' | 'kind'>, remove: () => Promise<T>): Promise<T> {
    const unlinked = await this.#options.ledger?.willUnlink(link);
    const result = await remove();
    await unlinked?.();
    return result;
  }

  /** Keeps the digest from a collection of this process. Call under its lock, after the link was written. */
  protect(digest: Digest): void {
    this.#options.guard.protect([digest]);
  }

  /**
   * Pushes call this after linking, still under the locks of all digests that the links rely on: those linked, and for a manifest everything
   * that it refers to. Without it, a garbage collection in progress may take them for garbage.
   *
   * @param digests at least one
   * @throws {RegistryError} `UNAVAILABLE` when another process is removing one of them, or has. A third process may rely on the new links by
   *   then, so they stay
   */
  async confirm(repository: string, digests: readonly Digest[], { since, isThere }: Confirmation): Promise<void> {
    const { links, guard } = this.#options;
    const aliases = digests.filter((digest) => digestAlgorithm(digest) !== 'sha256');
    const targets = await Promise.all(aliases.map((digest) => links.find(layerLinkPath(repository, digest))));
    const all = [...digests, ...targets.filter((target) => target !== undefined)];
    if ((await guard.confirm(all, since)) || (await isThere())) return;
    throw collectedError(all[0] as Digest);
  }
}
