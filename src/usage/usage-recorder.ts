import type { Clock, Timer } from '../clock/clock.ts';
import type { LinkLedger, NewLink } from '../content/link-ledger.ts';
import type { Digest } from '../oci/digest.ts';
import { IndexUnavailableError } from './index-unavailable.ts';
import type { ManifestParts } from './manifest-parts.ts';
import { type NotedUse, usesOf } from './noted-uses.ts';
import { UnrecordedQueue, type UnrecordedNotes } from './unrecorded-queue.ts';
import type { ContentKind, ContentReference, UsageIndex } from './usage-index.ts';

export interface UsageRecorderOptions {
  readonly index: UsageIndex;
  readonly parts: ManifestParts;
  /** Maximum time that a use is in memory only. Milliseconds. */
  readonly flushMs: number;
  /** A use so soon after the recorded one is not written. Milliseconds. */
  readonly granularityMs: number;
  /** A use by work that no client waits for is recorded as one so long ago. Milliseconds. */
  readonly backgroundAgeMs: number;
  /** For links that could not be recorded while the index was unavailable. Absent for a local index, which is as available as the storage. */
  readonly notes?: UnrecordedNotes | undefined;
  readonly clock: Clock;
  /** The index could not be read or written. Pulls continue. */
  readonly onError: (error: unknown) => void;
}

const MAX_PENDING = 10_000;
/** Uses that are written before the event loop continues. */
const SLICE = 200;

/** Collects uses, and writes them to the index at intervals: a hit costs two map look-ups. */
export class UsageRecorder implements LinkLedger {
  readonly #options: UsageRecorderOptions;
  readonly #unrecorded: UnrecordedQueue | undefined;
  #pending = new Map<string, Map<Digest, NotedUse>>();
  /** Fetches that no client waits for, by repository and digest. */
  readonly #background = new Map<string, number>();
  #count = 0;
  #timer: Timer | undefined;
  #writing: Promise<void> = Promise.resolve();
  readonly #listeners = new Set<() => void>();

  constructor(options: UsageRecorderOptions) {
    this.#options = options;
    this.#unrecorded = options.notes && new UnrecordedQueue(options.index, options.notes);
  }

  /** Calls `listener` after every new link: it may exceed the quota or be the first to expire. @returns a function that ends this */
  onLinked(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Records that stored content was requested. */
  used(repository: string, digest: Digest, kind: ContentKind, size: number): void {
    const pending = this.#pending.get(repository)?.get(digest);
    if (pending && !pending.isAged) return;
    const isNew = pending?.isNew ?? false;
    this.#note({ repository, digest, kind, size, at: this.#at(false), isNew, isAged: false });
  }

  /** The same for work that no client waits for. */
  usedInBackground(repository: string, digest: Digest, kind: ContentKind, size: number): void {
    if (this.isPending(repository, digest)) return;
    this.#note({ repository, digest, kind, size, at: this.#at(true), isNew: false, isAged: true });
  }

  /**
   * Until the returned function is called, links of the content are recorded as older: what no client requested must not outlive what
   * clients use.
   */
  fetching(repository: string, digest: Digest): () => void {
    const key = `${repository}@${digest}`;
    this.#background.set(key, (this.#background.get(key) ?? 0) + 1);
    return () => {
      const left = (this.#background.get(key) ?? 0) - 1;
      if (left > 0) this.#background.set(key, left);
      else this.#background.delete(key);
    };
  }

  #at(isBackground: boolean): number {
    const { clock, backgroundAgeMs } = this.#options;
    return clock.now() - (isBackground ? backgroundAgeMs : 0);
  }

  #note(use: NotedUse): void {
    let digests = this.#pending.get(use.repository);
    if (digests === undefined) {
      digests = new Map();
      this.#pending.set(use.repository, digests);
    }
    const known = digests.get(use.digest);
    if (known && (use.isAged || !known.isAged)) return;
    digests.set(use.digest, use);
    if (known) return;
    if (++this.#count >= MAX_PENDING) void this.flush();
    else this.#wait();
  }

  #wait(): void {
    const { clock, flushMs } = this.#options;
    this.#timer ??= clock.setTimer(() => void this.flush(), flushMs);
  }

  async willLink({ parts, ...link }: NewLink): Promise<() => void> {
    const isAged = this.#background.has(`${link.repository}@${link.digest}`);
    const at = this.#at(isAged);
    const linked = await this.#begin({ ...link, at }, parts);
    // Its parts may be stored already.
    if (link.kind === 'manifest') this.#note({ ...link, at, isNew: true, isAged });
    for (const listener of this.#listeners) listener();
    return linked;
  }

  async willUnlink(link: ContentReference): Promise<() => Promise<void>> {
    const { index, onError } = this.#options;
    const record = await index.find(link).catch(onError);
    return async () => {
      this.discard(link.repository, link.digest);
      if (record) await index.removeUnused(record).catch(onError);
    };
  }

  async #begin(use: Omit<NewLink, 'parts'> & { at: number }, parts: readonly Digest[] | undefined) {
    const { index, onError } = this.#options;
    try {
      const [end] = await Promise.all([index.beginLink(use), parts && index.putParts(use.digest, parts)]);
      return () => void end().catch(() => this.#missed(use).catch(onError));
    } catch (err) {
      if (!(err instanceof IndexUnavailableError)) onError(err);
      await this.#missed(use).catch(onError);
      return () => {};
    }
  }

  async #missed(use: Omit<NewLink, 'parts'> & { at: number }): Promise<void> {
    this.#wait();
    await this.#unrecorded?.add(use);
  }

  /** Whether a use is not in the index yet. */
  isPending(repository: string, digest: Digest): boolean {
    return this.#pending.get(repository)?.has(digest) ?? false;
  }

  /** Forgets noted uses of removed content, which would return it to the index. */
  discard(repository: string, digest: Digest): void {
    this.#pending.get(repository)?.delete(digest);
  }

  /** Resolves when all noted uses are in the index, or could not be written. Never fails. */
  flush(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    const pending = [...this.#pending.values()].flatMap((digests) => [...digests.values()]);
    this.#pending = new Map();
    this.#count = 0;
    this.#writing = this.#writing.then(() => this.#write(pending)).catch((err: unknown) => this.#failed(err, pending));
    return this.#writing;
  }

  async close(): Promise<void> {
    await this.flush();
    this.#timer?.cancel();
  }

  /** Keeps uses, up to a limit, until the index is available again. All links are kept elsewhere. */
  #failed(error: unknown, pending: readonly NotedUse[]): void {
    if (!(error instanceof IndexUnavailableError)) return this.#options.onError(error);
    for (const use of pending) {
      if (this.#count >= MAX_PENDING / 2) break;
      this.#note(use);
    }
    this.#wait();
  }

  async #write(pending: readonly NotedUse[]): Promise<void> {
    const { index, parts, granularityMs } = this.#options;
    await this.#unrecorded?.record();
    for (let start = 0; start < pending.length; start += SLICE) {
      const some = pending.slice(start, start + SLICE);
      const uses = await usesOf(some, { index, parts, granularityMs });
      if (uses.length > 0) await index.record(uses);
      if (pending.length > SLICE) await new Promise((resolve) => setImmediate(resolve));
    }
  }
}
