import type { NewLink } from '../content/link-ledger.ts';
import type { Digest } from '../oci/digest.ts';
import { referenceKey, type UsageIndex, type Use } from './usage-index.ts';

/** Notes beside the content, which everybody sees who has the same storage. */
export interface UnrecordedNotes {
  note(link: NewLink): Promise<void>;
  has(digest: Digest): Promise<boolean>;
  remove(link: Pick<NewLink, 'repository' | 'digest' | 'kind'>): Promise<void>;
  all(): AsyncGenerator<NewLink, void, void>;
}

type MissedLink = Use & { readonly size: number };

/** More are left to the notes alone. */
const MAX_LINKS = 10_000;

/** Links made while the index could not be reached, until it can. */
export class UnrecordedQueue {
  readonly #index: UsageIndex;
  readonly #notes: UnrecordedNotes;
  readonly #links = new Map<string, MissedLink>();

  constructor(index: UsageIndex, notes: UnrecordedNotes) {
    this.#index = index;
    this.#notes = notes;
  }

  /** Resolves when it is noted, so that the link may be made. */
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

/** Records what others could not, such as a process that did not live to see the index again. */
export async function recordNoted(index: UsageIndex, notes: UnrecordedNotes, now: number): Promise<void> {
  for await (const link of notes.all()) {
    await index.record([{ ...link, at: now }]);
    await notes.remove(link);
  }
}
