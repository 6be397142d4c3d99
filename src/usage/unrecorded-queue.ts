import type { NewLink } from '../content/link-ledger.ts';
import type { Digest } from '../oci/digest.ts';
import { referenceKey, type UsageIndex, type Use } from './usage-index.ts';

/** Notes in the storage, which every process with the same storage reads. */
export interface UnrecordedNotes {
  note(link: NewLink): Promise<void>;
  has(digest: Digest): Promise<boolean>;
  remove(link: Pick<NewLink, 'repository' | 'digest' | 'kind'>): Promise<void>;
  all(): AsyncGenerator<NewLink, void, void>;
}

type MissedLink = Use & { readonly size: number };

/** Further links are only noted. */
const MAX_LINKS = 10_000;

/** Links that were made while the index was unavailable, until they are recorded. */
export class UnrecordedQueue {
  readonly #index: UsageIndex;
  readonly #notes: UnrecordedNotes;
  readonly #links = new Map<string, MissedLink>();

  constructor(index: UsageIndex, notes: UnrecordedNotes) {
    this.#index = index;
    this.#notes = notes;
  }

  /** Resolves when the link is noted, and may be made. */
  async add(link: MissedLink): Promise<void> {
    if (this.#links.size < MAX_LINKS) this.#links.set(referenceKey(link), link);
    await this.#notes.note(link);
  }

  /** @throws {IndexUnavailableError} */
  async record(): Promise<void> {
    const links = [...this.#links];
    if (links.length === 0) return;
    await this.#index.record(links.map(([, link]) => link));
    for (const [key, link] of links) {
      await this.#notes.remove(link);
      this.#links.delete(key);
    }
  }
}

/** Records noted links of other processes, such as those that ended before the index was available again. */
export async function recordNoted(index: UsageIndex, notes: UnrecordedNotes, now: number): Promise<void> {
  for await (const link of notes.all()) {
    await index.record([{ ...link, at: now }]);
    await notes.remove(link);
  }
}
