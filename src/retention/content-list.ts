import { isGlob } from '../matching/glob.ts';
import { type Digest, isDigest } from '../oci/digest.ts';
import type { ContentDetails, ContentEntry, ListPage, ListQuery, PartView } from '../operations/cache-control.ts';
import { ControlError } from '../operations/control-error.ts';
import type { ManifestParts } from '../usage/manifest-parts.ts';
import { byName, byUse, FirstBySize, type Listed, parseCursor, toCursor } from './content-order.ts';
import { ContentSizes } from './content-sizes.ts';
import { checkLength, type PinnedNow, parsePin, type TagReader } from './pins.ts';
import { type TagsByDigest, TagReadings } from './tag-readings.ts';
import type { UsageIndex, UsageRecord } from '../usage/usage-index.ts';

export interface ContentListOptions {
  readonly index: UsageIndex;
  readonly parts: ManifestParts;
  readonly tags: TagReader;
  readonly pins: { current(): Promise<PinnedNow> };
  readonly isHosted: (repository: string) => boolean;
  /** Milliseconds; 0: never. */
  readonly ttlMs: number;
}

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1000;

interface View {
  readonly pinned: PinnedNow;
  /** By repository, read once for a request. */
  readonly tags: Map<string, Promise<TagsByDigest>>;
  /** It continues a previous page, and shows the tags that were read for that page. */
  readonly isNextPage: boolean;
}

/** Lists of stored content, for operators. */
export class ContentList {
  readonly #options: ContentListOptions;
  readonly #tags: TagReadings;
  readonly #sizes: ContentSizes;

  constructor(options: ContentListOptions) {
    this.#options = options;
    this.#tags = new TagReadings(options.tags);
    this.#sizes = new ContentSizes(options.index);
  }

  /** @throws {ControlError} */
  async list(query: ListQuery): Promise<ListPage> {
    const { sort = 'name' } = query;
    const limit = Math.min(query.limit ?? DEFAULT_LIMIT, MAX_LIMIT);
    const after = query.cursor === undefined ? undefined : parseCursor(query.cursor, sort);
    const view = await this.#view({ isNextPage: after !== undefined });
    // One more, which shows that there is another page.
    const listed = await (sort === 'size'
      ? this.#largest(query, view, new FirstBySize(limit + 1, after))
      : this.#firstOf(query, view, { after, limit: limit + 1 }));
    const last = listed[limit - 1];
    return {
      entries: await this.#entries(listed.slice(0, limit), view),
      cursor: listed.length > limit && last ? toCursor(last, sort) : undefined,
    };
  }

  async #firstOf(
    query: ListQuery,
    view: View,
    { after, limit }: { readonly after: Listed | undefined; readonly limit: number },
  ): Promise<Listed[]> {
    const { index } = this.#options;
    const { kind = 'manifest', sort } = query;
    const found: Listed[] = [];
    for await (const record of this.#matching(
      query,
      sort === 'used' ? byUse(index, kind, after) : byName(index, after),
      view,
    )) {
      if (found.push({ ...record, total: 0 }) === limit) break;
    }
    return found;
  }

  /** Goes through everything, as nothing is recorded in this order. */
  async #largest(query: ListQuery, view: View, first: FirstBySize): Promise<Listed[]> {
    for await (const record of this.#matching(query, byName(this.#options.index), view)) {
      first.add({ ...record, total: await this.#sizes.of(record) });
    }
    return first.sorted();
  }

  /** Everything that matches a name or a glob. @throws {ControlError} `not-found` | `invalid` */
  async find(name: string): Promise<UsageRecord[]> {
    const { index } = this.#options;
    const exact = await this.#findExact(name);
    if (exact) return [exact];
    const found: UsageRecord[] = [];
    const view = await this.#view();
    const isPattern = isGlob(name);
    for (const kind of ['manifest', 'blob'] as const) {
      const parsed = parsePin(name);
      if (kind === 'blob' && parsed.matchesTag) continue;
      if (isPattern)
        for await (const record of this.#matching({ filter: name, kind }, byName(index), view)) found.push(record);
      else for await (const record of index.ofRepository(name)) if (record.kind === kind) found.push(record);
    }
    if (found.length === 0) throw new ControlError('not-found', `no stored content matches ${name}`);
    return found;
  }

  /** @throws {ControlError} `not-found` | `invalid` */
  async show(name: string): Promise<ContentDetails> {
    const record = await this.#findExact(name);
    if (!record)
      throw new ControlError('not-found', `${name} is not stored (use a name from the list: repository:tag)`);
    const [entry] = await this.#entries([record], await this.#view());
    const parts = record.kind === 'blob' ? [] : await this.#options.parts.of(record.repository, record.digest);
    return { ...(entry as ContentEntry), parts: await Promise.all(parts.map((part) => this.#part(record, part))) };
  }

  async #findExact(name: string): Promise<UsageRecord | undefined> {
    checkLength(name);
    const { index, tags } = this.#options;
    const at = name.indexOf('@');
    const colon = name.lastIndexOf(':');
    if (at < 0 && colon <= name.lastIndexOf('/')) return undefined;
    const repository = name.slice(0, at < 0 ? colon : at);
    const tagged = at < 0 ? await tags.find(repository, name.slice(colon + 1)).catch(() => undefined) : undefined;
    const digest = at < 0 ? tagged?.digest : name.slice(at + 1);
    if (digest === undefined || !isDigest(digest)) return undefined;
    const manifest = await index.find({ repository, digest, kind: 'manifest' });
    return manifest ?? index.find({ repository, digest, kind: 'blob' });
  }

  async *#matching(
    { filter, kind = 'manifest' }: Pick<ListQuery, 'filter' | 'kind'>,
    records: AsyncIterable<UsageRecord>,
    view: View,
  ): AsyncGenerator<UsageRecord> {
    for await (const record of records) {
      if (record.kind === kind && (await this.#matches(record, filter, view))) yield record;
    }
  }

  async #matches({ repository, digest }: UsageRecord, filter: string | undefined, view: View): Promise<boolean> {
    if (filter === undefined || filter === '') return true;
    if (!isGlob(filter) && !filter.includes(':')) return repository.includes(filter);
    const { matchesName, matchesTag, digest: wanted } = parsePin(filter);
    if (!matchesName(repository)) return false;
    if (wanted !== undefined) return wanted === digest;
    return !matchesTag || ((await this.#tagsOf(repository, view)).get(digest) ?? []).some((tag) => matchesTag(tag));
  }

  async #entries(records: readonly UsageRecord[], view: View): Promise<ContentEntry[]> {
    const { ttlMs, isHosted } = this.#options;
    const entries: ContentEntry[] = [];
    for (const record of records) {
      const { repository, digest, kind, lastUsedAt } = record;
      const pinned = await view.pinned.has(record);
      const hosted = isHosted(repository);
      const expiresAt = ttlMs === 0 || pinned || hosted ? undefined : record.rank + ttlMs;
      const tags = kind === 'manifest' ? ((await this.#tagsOf(repository, view)).get(digest) ?? []) : [];
      entries.push({
        repository,
        tags,
        digest,
        kind,
        size: await this.#sizes.of(record),
        lastUsedAt,
        expiresAt,
        pinned,
        hosted,
      });
    }
    return entries;
  }

  async #part({ repository }: UsageRecord, digest: Digest): Promise<PartView> {
    const { index } = this.#options;
    const manifest = await index.find({ repository, digest, kind: 'manifest' });
    const record = manifest ?? (await index.find({ repository, digest, kind: 'blob' }));
    const holders = (await index.holders(digest)).map((holder) => holder.repository);
    const sharedWith = [...new Set(holders)].filter((name) => name !== repository);
    return { digest, kind: record?.kind, size: record?.size, lastUsedAt: record?.lastUsedAt, sharedWith };
  }

  async #view({ isNextPage } = { isNextPage: false }): Promise<View> {
    return { pinned: await this.#options.pins.current(), tags: new Map(), isNextPage };
  }

  #tagsOf(repository: string, view: View): Promise<TagsByDigest> {
    const tags = view.tags.get(repository) ?? this.#tags.of(repository, view);
    view.tags.set(repository, tags);
    return tags;
  }
}
