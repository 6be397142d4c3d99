import type { Digest } from '../../oci/digest.ts';
import { RegistryError } from '../../oci/errors.ts';
import type { StorageDriver } from '../../storage/driver.ts';
import { type Announced, Announcement } from './announcement.ts';

export interface CollectionGuardOptions {
  readonly driver: StorageDriver;
  readonly now: () => number;
  /** How long it may take to notice a collection of another process. Milliseconds. */
  readonly noticeMs?: number;
}

/** Pushes cost one small read of the storage per so many milliseconds. */
const NOTICE_MS = 1_000;
const RETRY_AFTER_MS = 5_000;

/**
 * Keeps a garbage collection, of this process or of another one with the same storage, from removing content that is being linked.
 * docs/decisions/020-what-a-collection-may-remove.md explains why that is enough.
 */
export class CollectionGuard {
  readonly announcement: Announcement;
  readonly #options: Required<CollectionGuardOptions>;
  /** Digests linked since the collection of this process started. Absent when it is not collecting. */
  #protected: Set<Digest> | undefined;
  /** Read at some time from `at` to `until`. */
  #seen: { readonly at: number; readonly until: number; readonly announced: Announced | undefined } = {
    at: -Infinity,
    until: -Infinity,
    announced: undefined,
  };

  constructor(options: CollectionGuardOptions) {
    this.#options = { noticeMs: NOTICE_MS, ...options };
    this.announcement = new Announcement(options);
  }

  /** After this time every process knows of a collection. Milliseconds. */
  get noticeMs(): number {
    return this.#options.noticeMs;
  }

  /** @returns false when this process is already collecting */
  begin(): boolean {
    if (this.#protected) return false;
    this.#protected = new Set();
    return true;
  }

  end(): void {
    this.#protected = undefined;
  }

  /** Whether the digest was linked since {@link begin}. Call under its lock. */
  isProtected(digest: Digest): boolean {
    return this.#protected?.has(digest) ?? false;
  }

  /**
   * Keeps digests from the collection in progress in this process. Call under the locks of the digests, after linking.
   * Enough for cached content: when another process removes it, it is a miss.
   */
  protect(digests: readonly Digest[]): void {
    for (const digest of digests) this.#protected?.add(digest);
  }

  /**
   * As {@link protect}, for pushed content, which no process may remove.
   *
   * @param since when the caller began to look at stored content. Unix milliseconds
   * @returns false when a collection of another process may have ended since then: what it removed is not announced any more
   * @throws {RegistryError} `UNAVAILABLE` when another process may be removing one of them
   */
  async confirm(digests: readonly Digest[], since: number): Promise<boolean> {
    this.protect(digests);
    if (this.#protected) return true;
    const announced = await this.#readAnnounced();
    if (announced?.phase === 'removing') {
      const marked = await this.announcement.marked(announced);
      const lost = digests.find((digest) => marked.has(digest));
      if (lost !== undefined) throw collectedError(lost);
    }
    return this.#seen.until < since;
  }

  async #readAnnounced(): Promise<Announced | undefined> {
    const { now, noticeMs } = this.#options;
    const isQuiet = this.#seen.announced === undefined;
    if (isQuiet && now() - this.#seen.at < noticeMs) return undefined;
    // Time before reading: the result is at least as new.
    const at = now();
    const announced = await this.announcement.read();
    this.#seen = { at, until: now(), announced };
    return announced;
  }
}

export function collectedError(digest: Digest): RegistryError {
  return new RegistryError('UNAVAILABLE', `${digest} is being collected as garbage: try again in a moment`, {
    retryAfterMs: RETRY_AFTER_MS,
  });
}
