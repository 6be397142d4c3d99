import type {
  MayPull,
  RepositoryOrder,
  RepositoryPage,
  RepositoryQuery,
  RepositoryView,
} from '../operations/repository-control.ts';
import { ControlError } from '../operations/control-error.ts';
import { parsePin } from '../retention/pins.ts';
import type { PinnedNow } from '../retention/pins.ts';
import { isGlob } from '../matching/glob.ts';
import { nextTurn } from '../stream/next-turn.ts';
import type { RepositorySums, UsageIndex } from '../usage/usage-index.ts';
import type { BrowsedStore, NameOwner } from './browsed-store.ts';
import { parseCursor, toCursor } from './page-cursor.ts';

export interface RepositoryListOptions {
  readonly index: Pick<UsageIndex, 'repositories' | 'totals'>;
  readonly store: { readonly tags: Pick<BrowsedStore['tags'], 'count'> };
  readonly pins: { current(): Promise<PinnedNow> };
  readonly ownerOf: (repository: string) => NameOwner;
  /** Names of the upstreams, with what their stored names begin with. */
  readonly upstreams: ReadonlyMap<string, string>;
  /** The repositories that blobs are being fetched for. */
  readonly filling: () => ReadonlySet<string>;
}

const DEFAULT_LIMIT = 50;
export const MAX_LIMIT = 200;
/** Names that one page looks at. */
const MAX_LOOKED = 5_000;
const PART = 200;
const MAX_TAGS = 1_000;
/** A storage that lists more slowly shows no numbers of tags. Milliseconds. */
const TAGS_MS = 2_000;

export function pageLimit(limit = DEFAULT_LIMIT): number {
  return Math.min(limit, MAX_LIMIT);
}

/** Lists repositories in the orders that the index has. */
export class RepositoryList {
  readonly #options: RepositoryListOptions;

  constructor(options: RepositoryListOptions) {
    this.#options = options;
  }

  /** @throws {ControlError} */
  async page(query: RepositoryQuery, mayPull: MayPull | undefined): Promise<RepositoryPage> {
    const { sort = 'name', query: text, upstream } = query;
    const isPart = text !== undefined || upstream !== undefined || mayPull !== undefined;
    const { found, last } = await this.#find(query, mayPull);
    const { repositories, bytes } = await this.#options.index.totals();
    return {
      repositories: await this.views(found),
      totals: isPart ? undefined : { repositories, bytes },
      cursor: last && cursorOf(sort, last),
    };
  }

  async views(found: readonly RepositorySums[]): Promise<RepositoryView[]> {
    const { pins, ownerOf, filling } = this.#options;
    const [pinned, running] = [await pins.current(), filling()];
    return Promise.all(
      found.map(async ({ repository, manifests, bytes, lastUsedAt }) => ({
        name: repository,
        ...ownerOf(repository),
        ...(await this.#tags(repository)),
        manifests,
        bytes,
        lastUsedAt: new Date(lastUsedAt).toISOString(),
        pinned: pinned.hasAll(repository),
        filling: running.has(repository),
      })),
    );
  }

  async #find(query: RepositoryQuery, mayPull: MayPull | undefined) {
    const { sort = 'name', limit, cursor } = query;
    const isWanted = this.#filter(query);
    const max = pageLimit(limit);
    const found: RepositorySums[] = [];
    let last = cursor === undefined ? undefined : sumsOf(sort, cursor);
    let looked = 0;
    for await (const sums of this.#inOrder(sort, last, this.#start(query))) {
      if (isWanted(sums.repository) && (await (mayPull?.(sums.repository) ?? true))) {
        if (found.length === max) return { found, last: found.at(-1) };
        found.push(sums);
      }
      last = sums;
      if (++looked === MAX_LOOKED) return { found, last };
    }
    return { found, last: undefined };
  }

  /** @param from what all names begin with, in the order of names */
  async *#inOrder(order: RepositoryOrder, start: RepositorySums | undefined, from: string) {
    const { index } = this.#options;
    for (let after = start; ; await nextTurn()) {
      const part = await index.repositories({ order, after, from, limit: PART });
      for (const sums of part) {
        if (order === 'name' && !sums.repository.startsWith(from)) return;
        yield sums;
      }
      after = part.at(-1);
      if (part.length < PART) return;
    }
  }

  /** @throws {ControlError} */
  #start({ upstream }: RepositoryQuery): string {
    if (upstream === undefined) return '';
    const prefix = this.#options.upstreams.get(upstream);
    if (prefix === undefined) throw new ControlError('not-found', `there is no upstream ${upstream}`);
    return prefix;
  }

  #filter({ query = '', upstream }: RepositoryQuery): (repository: string) => boolean {
    const { ownerOf } = this.#options;
    const part = query.toLowerCase();
    const matches = isGlob(query) ? parsePin(query).matchesName : (name: string) => name.includes(part);
    if (upstream === undefined) return matches;
    return (name) => matches(name) && ownerOf(name).upstream === upstream;
  }

  async #tags(repository: string): Promise<Pick<RepositoryView, 'tags' | 'moreTags'>> {
    const counted = await withinTime(this.#options.store.tags.count(repository, MAX_TAGS + 1));
    if (counted === undefined) return {};
    return counted > MAX_TAGS ? { tags: MAX_TAGS, moreTags: true } : { tags: counted };
  }
}

/** @returns undefined when it fails, or takes too long */
function withinTime<T>(result: Promise<T>): Promise<T | undefined> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(undefined), TAGS_MS);
    const end = (value: T | undefined) => {
      clearTimeout(timer);
      resolve(value);
    };
    result.then(end, () => end(undefined));
  });
}

function cursorOf(sort: RepositoryOrder, { repository, bytes, lastUsedAt }: RepositorySums): string {
  return toCursor(`repositories ${sort}`, [repository, bytes, lastUsedAt]);
}

/** @throws {ControlError} `invalid` */
function sumsOf(sort: RepositoryOrder, cursor: string): RepositorySums {
  const [repository, bytes, lastUsedAt] = parseCursor(`repositories ${sort}`, cursor, ['string', 'number', 'number']);
  return { repository: String(repository), manifests: 0, bytes: Number(bytes), lastUsedAt: Number(lastUsedAt) };
}
