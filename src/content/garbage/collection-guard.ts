import type { Digest } from '../../oci/digest.ts';
import { RegistryError } from '../../oci/errors.ts';
import type { StorageDriver } from '../../storage/driver.ts';
import { type Announced, Announcement } from './announcement.ts';

export interface CollectionGuardOptions {
  readonly driver: StorageDriver;
  readonly now: () => number;
  /** How long it may take until a collection of another process is noticed. Milliseconds. */
  readonly noticeMs?: number;
}

/** One small read of the storage per so many milliseconds of pushing, and none while nothing is pushed. */
const NOTICE_MS = 1_000;
const RETRY_AFTER_MS = 5_000;

/**
 * Stands between those who link content and a collection of what nobody links: of this process or of another one that has the same
 * storage. Why that is enough stands in docs/decisions/, "What a collection may remove".
 */
export class CollectionGuard {
  readonly announcement: Announcement;
  readonly #options: Required<CollectionGuardOptions>;
  /** Undefined: this process collects nothing at the moment. */
  #relied: Set<Digest> | undefined;
  #seen: { readonly at: number; readonly announced: Announced | undefined } = { at: -Infinity, announced: undefined };

  constructor(options: CollectionGuardOptions) {
    this.#options = { noticeMs: NOTICE_MS, ...options };
    this.announcement = new Announcement(options);
  }

  /** Longest time after which everybody knows of a collection. Milliseconds. */
  get noticeMs(): number {
    return this.#options.noticeMs;
  }

  /** @returns false when this process collects already */
  begin(): boolean {
    if (this.#relied) return false;
    this.#relied = new Set();
    return true;
  }

  end(): void {
    this.#relied = undefined;
  }

  /** Linked since {@link begin}. To be asked under the lock of the digest. */
  isRelied(digest: Digest): boolean {
    return this.#relied?.has(digest) ?? false;
  }

  /**
   * Of this process nobody removes these during a collection that is under way. Enough for cached content: should another process
   * remove it, it is a miss. To be called under the locks of the digests, after the link was made.
   */
  protect(digests: readonly Digest[]): void {
    for (const digest of digests) this.#relied?.add(digest);
  }

  /**
   * As {@link protect}, for what was pushed, which nobody may remove.
   *
   * @throws {RegistryError} `UNAVAILABLE` when another process may be removing one of them; the link is to be taken back
   */
  async confirm(digests: readonly Digest[]): Promise<void> {
    this.protect(digests);
    if (this.#relied) return;
    const announced = await this.#look();
    if (!announced || announced.phase === 'looking') return;
    const doomed = await this.announcement.doomed(announced);
    const lost = digests.find((digest) => doomed.has(digest));
    if (lost === undefined) return;
    throw new RegistryError('UNAVAILABLE', `${lost} is being collected as garbage: try again in a moment`, {
      retryAfterMs: RETRY_AFTER_MS,
    });
  }

  async #look(): Promise<Announced | undefined> {
    const { now, noticeMs } = this.#options;
    const isQuiet = this.#seen.announced === undefined;
    if (isQuiet && now() - this.#seen.at < noticeMs) return undefined;
    // The time first: what is read is at least as new.
    const at = now();
    const announced = await this.announcement.read();
    this.#seen = { at, announced };
    return announced;
  }
}
