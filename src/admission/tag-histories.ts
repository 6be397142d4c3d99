import { type Digest, isDigest } from '../oci/digest.ts';
import type { TextTable } from '../usage/text-table.ts';
import { subjectOfTag } from './attachment.ts';
import { type SeenDigest, type TagHistory, withObservation } from './tag-history.ts';

export interface TagHistoriesOptions {
  readonly table: TextTable;
  /** A history could not be read or written. */
  readonly onError: (error: unknown) => void;
}

/** Since when tags of upstreams name which digests, in the index of uses. */
export class TagHistories {
  readonly #options: TagHistoriesOptions;
  /** Changes of one history follow each other. */
  readonly #working = new Map<string, Promise<unknown>>();

  constructor(options: TagHistoriesOptions) {
    this.#options = options;
  }

  /**
   * Records that the upstream has named a digest. Tags that belong to a digest have no history. Never rejects.
   *
   * @param repository its stored name @param at unix milliseconds
   */
  observe(repository: string, tag: string, { digest, at }: { readonly digest: Digest; readonly at: number }) {
    if (subjectOfTag(tag)) return Promise.resolve();
    const key = keyOf(repository, tag);
    const work = async () => {
      try {
        const before = await this.#read(key);
        const after = withObservation(before, digest, at);
        if (after !== before) await this.#options.table.set(key, JSON.stringify(after));
      } catch (err) {
        this.#options.onError(err);
      }
    };
    const worked = (this.#working.get(key) ?? Promise.resolve()).then(work).finally(() => {
      if (this.#working.get(key) === worked) this.#working.delete(key);
    });
    this.#working.set(key, worked);
    return worked;
  }

  /** Empty for a tag that was never seen. @throws when the index cannot be read */
  async of(repository: string, tag: string): Promise<TagHistory> {
    const key = keyOf(repository, tag);
    await this.#working.get(key);
    return this.#read(key);
  }

  /** @throws when the index cannot be read */
  async *all(): AsyncGenerator<{ repository: string; tag: string; history: TagHistory }, void, void> {
    for await (const [key, text] of this.#options.table.entries()) {
      const colon = key.lastIndexOf(':');
      yield { repository: key.slice(0, colon), tag: key.slice(colon + 1), history: parse(text) };
    }
  }

  async #read(key: string): Promise<TagHistory> {
    const text = await this.#options.table.get(key);
    return text === undefined ? [] : parse(text);
  }
}

function keyOf(repository: string, tag: string): string {
  return `${repository}:${tag}`;
}

function parse(text: string): TagHistory {
  try {
    const entries = JSON.parse(text) as unknown;
    return Array.isArray(entries) ? entries.filter(isSeen) : [];
  } catch {
    return []; // then the tag is seen for the first time
  }
}

function isSeen(value: unknown): value is SeenDigest {
  const { digest, firstSeen, lastConfirmed } = (value ?? {}) as Partial<SeenDigest>;
  const hasTimes = Number.isFinite(firstSeen) && Number.isFinite(lastConfirmed);
  return hasTimes && typeof digest === 'string' && isDigest(digest);
}
