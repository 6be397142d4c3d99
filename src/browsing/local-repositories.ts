import { ControlError } from '../operations/control-error.ts';
import type {
  MayPull,
  RepositoryControl,
  RepositoryPage,
  RepositoryQuery,
  TagPage,
  TagQuery,
} from '../operations/repository-control.ts';
import { ContentSizes } from '../retention/content-sizes.ts';
import { TagReadings } from '../retention/tag-readings.ts';
import type { UsageIndex } from '../usage/usage-index.ts';
import { ownBytes } from './own-bytes.ts';
import { RepositoryList, type RepositoryListOptions } from './repository-list.ts';
import { TagList, type TagListOptions } from './tag-list.ts';

export interface LocalRepositoriesOptions
  extends Omit<RepositoryListOptions, 'index' | 'store'>,
    Omit<TagListOptions, 'index' | 'readings' | 'sizes'> {
  readonly index: UsageIndex;
  /** Writes noted uses to the index. */
  readonly flush: () => Promise<void>;
}

/** Repositories and tags in the storage of this process. */
export class LocalRepositories implements RepositoryControl {
  readonly #options: LocalRepositoriesOptions;
  readonly #repositories: RepositoryList;
  readonly #tags: TagList;

  constructor(options: LocalRepositoriesOptions) {
    const { index, store } = options;
    this.#options = options;
    this.#repositories = new RepositoryList(options);
    this.#tags = new TagList({ ...options, readings: new TagReadings(store.tags), sizes: new ContentSizes(index) });
  }

  async repositories(query: RepositoryQuery, mayPull?: MayPull): Promise<RepositoryPage> {
    await this.#options.flush();
    return this.#repositories.page(query, mayPull);
  }

  async tags(query: TagQuery, mayPull?: MayPull): Promise<TagPage> {
    const { index, flush } = this.#options;
    const { repository } = query;
    await flush();
    const sums = (await (mayPull?.(repository) ?? true)) ? await index.sumsOf(repository) : undefined;
    if (!sums) throw new ControlError('not-found', `${repository} is not stored`);
    const [view] = await this.#repositories.views([sums]);
    if (!view) throw new ControlError('not-found', `${repository} is not stored`);
    return { repository: { ...view, ownBytes: await ownBytes(index, repository) }, ...(await this.#tags.page(query)) };
  }
}
