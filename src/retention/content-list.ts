import { isGlob } from '../matching/glob.ts';
import { type Digest, isDigest } from '../oci/digest.ts';
import type { ContentDetails, ContentEntry, ListPage, ListQuery, PartView } from '../operations/cache-control.ts';
import { ControlError } from '../operations/control-error.ts';
import type { ManifestParts } from '../usage/manifest-parts.ts';
import { type PinnedNow, parsePin, type TagReader } from './pins.ts';
import type { ContentReference, UsageIndex, UsageRecord } from '../usage/usage-index.ts';

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
const PAGE = 500;
const MAX_DEPTH = 4;
/** How long the tags read for one page are used for the next pages. Milliseconds. */
const PAGES_MS = 30_000;

type TagsByDigest = ReadonlyMap<Digest, string[]>;

interface View {
  readonly pinned: PinnedNow;
  /** By repository, read once for a request. */
  readonly tags: Map<string, Promise<TagsByDigest>>;
  /** It continues a previous page, and shows the tags that were read for that page. */
  readonly isNextPage: boolean;
}

interface Reading {
  readonly tags: Promise<TagsByDigest>;
  isDone: boolean;
}

/** Lists of stored content, for operators. */
export class ContentList {
  readonly #options: ContentListOptions;
  /** By repository. Finding the tags of a digest requires reading all tags. */
  readonly #readings = new Map<string, Reading>();

  constructor(options: ContentListOptions) {
    this.#options = options;
  }

  /** @throws {ControlError} */
  async list(query: ListQuery): Promise<ListPage> {
    const limit = Math.min(query.limit ?? DEFAULT_LIMIT, MAX_LIMIT);
    const view = await this.#view({ isNextPage: query.cursor !== undefined });
    if (query.sort === undefined || query.sort === 'name') return this.#listByName(query, limit, view);
    const all: UsageRecord[] = [];
    for await (const record of this.#matching(query, undefined, view)) all.push(record);
    const sorted = query.sort === 'used' ? all.sort((a, b) => a.rank - b.rank) : await this.#bySize(all);
    const start = Number(query.cursor ?? 0);
    if (!Number.isSafeInteger(start) || start < 0) throw new ControlError('invalid', 'not a cursor of this list');
    const entries = await this.#entries(sorted.slice(start, start + limit), view);
    return { entries, cursor: start + limit < sorted.length ? String(start + limit) : undefined };
  }

  /** Everything that matches a name or a glob. @throws {ControlError} `not-found` */
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
        for await (const record of this.#matching({ filter: name, kind }, undefined, view)) found.push(record);
      else for await (const record of index.ofRepository(name)) if (record.kind === kind) found.push(record);
    }
    if (found.length === 0) throw new ControlError('not-found', `no stored content matches ${name}`);
    return found;
  }

  /** @throws {ControlError} `not-found` */
  async show(name: string): Promise<ContentDetails> {
    const record = await this.#findExact(name);
    if (!record)
      throw new ControlError('not-found', `${name} is not stored (use a name from the list: repository:tag)`);
    const [entry] = await this.#entries([record], await this.#view());
    const parts = record.kind === 'blob' ? [] : await this.#options.parts.of(record.repository, record.digest);
    return { ...(entry as ContentEntry), parts: await Promise.all(parts.map((part) => this.#part(record, part))) };
  }

  async #findExact(name: string): Promise<UsageRecord | undefined> {
    const { index, tags } = this.#options;
    const at = name.indexOf('@');
    const colon = name.lastIndexOf(':');
    if (at < 0 && colon <= name.lastIndexOf('/')) return undefined;
    const repository = name.slice(0, at < 0 ? colon : at);
    const named = at < 0 ? await tags.all(repository).catch(() => []) : [];
    const digest = at < 0 ? named.find(({ tag }) => tag === name.slice(colon + 1))?.digest : name.slice(at + 1);
    if (digest === undefined || !isDigest(digest)) return undefined;
    const manifest = await index.find({ repository, digest, kind: 'manifest' });
    return manifest ?? index.find({ repository, digest, kind: 'blob' });
  }

  async #listByName(query: ListQuery, limit: number, view: View): Promise<ListPage> {
    const after = query.cursor === undefined ? undefined : parseCursor(query.cursor);
    const records: UsageRecord[] = [];
    for await (const record of this.#matching(query, after, view)) {
      records.push(record);
      if (records.length > limit) break;
    }
    const entries = await this.#entries(records.slice(0, limit), view);
    const last = records[limit - 1];
    return { entries, cursor: records.length > limit && last ? toCursor(last) : undefined };
  }

  async *#matching(
    { filter, kind = 'manifest' }: ListQuery,
    start: ContentReference | undefined,
    view: View,
  ): AsyncGenerator<UsageRecord> {
    let after = start;
    for (;;) {
      const page = await this.#options.index.page({ ...(after && { after }), limit: PAGE });
      for (const record of page) {
        if (record.kind === kind && (await this.#matches(record, filter, view))) yield record;
      }
      after = page.at(-1);
      if (page.length < PAGE) return;
      // Requests run in between.
      await new Promise((resolve) => setImmediate(resolve));
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

  async #bySize(records: readonly UsageRecord[]): Promise<UsageRecord[]> {
    const sized = [];
    for (const record of records) sized.push({ record, size: await this.#sizeOf(record) });
    return sized.sort((a, b) => b.size - a.size).map(({ record }) => record);
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
        size: await this.#sizeOf(record),
        lastUsedAt,
        expiresAt,
        pinned,
        hosted,
      });
    }
    return entries;
  }

  async #sizeOf(record: UsageRecord): Promise<number> {
    const counted = new Map<Digest, number>();
    await this.#addSizes(record, counted, MAX_DEPTH);
    return [...counted.values()].reduce((sum, size) => sum + size, 0);
  }

  async #addSizes({ repository, digest, kind, size }: UsageRecord, counted: Map<Digest, number>, depth: number) {
    const { index } = this.#options;
    if (counted.has(digest)) return;
    counted.set(digest, size);
    if (kind === 'blob' || depth === 0) return;
    for (const part of (await index.partsOf(digest)) ?? []) {
      const found =
        (await index.find({ repository, digest: part, kind: 'blob' })) ??
        (await index.find({ repository, digest: part, kind: 'manifest' }));
      if (found) await this.#addSizes(found, counted, depth - 1);
    }
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
    const reading = view.tags.get(repository) ?? this.#readTags(repository, view);
    view.tags.set(repository, reading);
    return reading;
  }

  /** Lists that are requested at the same time read them once, and so do the pages of one list. */
  #readTags(repository: string, { isNextPage }: Pick<View, 'isNextPage'>): Promise<TagsByDigest> {
    const known = this.#readings.get(repository);
    if (known && (isNextPage || !known.isDone)) return known.tags;
    const reading: Reading = { tags: this.#tagsByDigest(repository), isDone: false };
    this.#readings.set(repository, reading);
    void this.#keepForPages(repository, reading);
    return reading.tags;
  }

  async #keepForPages(repository: string, reading: Reading): Promise<void> {
    const isRead = await reading.tags.then(Boolean, () => false);
    reading.isDone = true;
    const forget = () => {
      if (this.#readings.get(repository) === reading) this.#readings.delete(repository);
    };
    if (isRead) setTimeout(forget, PAGES_MS).unref();
    else forget();
  }

  async #tagsByDigest(repository: string): Promise<TagsByDigest> {
    const byDigest = new Map<Digest, string[]>();
    for (const { tag, digest } of await this.#options.tags.all(repository)) {
      byDigest.set(digest, [...(byDigest.get(digest) ?? []), tag]);
    }
    return byDigest;
  }
}

function toCursor({ repository, digest, kind }: ContentReference): string {
  return Buffer.from(JSON.stringify([repository, digest, kind])).toString('base64url');
}

function parseCursor(cursor: string): ContentReference {
  try {
    const [repository, digest, kind] = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as string[];
    if (
      repository !== undefined &&
      digest !== undefined &&
      isDigest(digest) &&
      (kind === 'manifest' || kind === 'blob')
    ) {
      return { repository, digest, kind };
    }
  } catch {
    // reported below
  }
  throw new ControlError('invalid', 'not a cursor of this list');
}
