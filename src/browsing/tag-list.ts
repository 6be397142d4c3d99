import type { Digest } from '../oci/digest.ts';
import type { ManifestReference } from '../oci/manifest.ts';
import type { PlatformView, TagQuery, TagView } from '../operations/repository-control.ts';
import type { ContentSizes } from '../retention/content-sizes.ts';
import type { PinnedNow } from '../retention/pins.ts';
import type { TagReadings } from '../retention/tag-readings.ts';
import type { UsageIndex, UsageRecord } from '../usage/usage-index.ts';
import type { BrowsedManifest, BrowsedStore, NameOwner } from './browsed-store.ts';
import { cutText } from './cut-text.ts';
import { parseCursor, toCursor } from './page-cursor.ts';
import { platformName } from './platform-name.ts';
import { pageLimit } from './repository-list.ts';

export interface TagListOptions {
  readonly index: Pick<UsageIndex, 'find' | 'findAll' | 'page' | 'ofRepository'>;
  readonly store: BrowsedStore;
  readonly pins: { current(): Promise<PinnedNow> };
  readonly readings: TagReadings;
  readonly sizes: ContentSizes;
  readonly ownerOf: (repository: string) => NameOwner;
  /** How old a cached tag is. Absent when it is never confirmed. */
  readonly tagAge: (repository: string, tag: string) => Promise<TagAgeView | undefined>;
  /** Milliseconds; 0: never. */
  readonly ttlMs: number;
}

export interface TagAgeView {
  /** Unix milliseconds. */
  readonly checkedAt: number;
  readonly ttlMs: number;
}

interface Row {
  readonly tag?: string | undefined;
  readonly digest: Digest;
}

const MAX_PLATFORMS = 25;
const MAX_REFERRERS = 100;
/** Tags that one page with a filter looks at. */
const MAX_LOOKED = 2_000;
const MAX_TYPE_LENGTH = 200;

/** Lists the tags of a repository, then its manifests without tag. */
export class TagList {
  readonly #options: TagListOptions;

  constructor(options: TagListOptions) {
    this.#options = options;
  }

  /** @throws {ControlError} */
  async page(query: TagQuery): Promise<{ readonly tags: readonly TagView[]; readonly cursor: string | undefined }> {
    const { repository, cursor, all = false } = query;
    const limit = pageLimit(query.limit);
    const [place, value] = cursor === undefined ? ['tag', ''] : parseCursor('tags', cursor, ['string', 'string']);
    const tagged = place === 'tag' ? await this.#tagged(query, String(value), limit) : { rows: [], last: undefined };
    const isOpen = all && tagged.last === undefined && tagged.rows.length < limit;
    const start = place === 'digest' ? (value as Digest) : undefined;
    const rest = limit - tagged.rows.length;
    const others = isOpen ? await this.#untagged(repository, start, rest) : { rows: [], last: undefined };
    const pinned = await this.#options.pins.current();
    const tags = await Promise.all([...tagged.rows, ...others.rows].map((row) => this.#view(repository, row, pinned)));
    const next = tagged.last ?? others.last;
    const isFull = all && next === undefined && place === 'tag' && !isOpen;
    return { tags, cursor: next ?? (isFull ? toCursor('tags', ['digest', '']) : undefined) };
  }

  async #tagged({ repository, query = '' }: TagQuery, after: string, limit: number) {
    const { tags } = this.#options.store;
    const names: string[] = [];
    let last = after;
    for (let looked = 0; ; ) {
      const page = await tags.list(repository, { n: query === '' ? limit : MAX_LOOKED / 4, last });
      const entries = page?.entries ?? [];
      for (const name of entries) {
        last = name;
        if (name.includes(query) && names.push(name) === limit) break;
      }
      looked += entries.length;
      const isLast = page?.next === undefined && last === (entries.at(-1) ?? last);
      if (names.length < limit && !isLast && looked < MAX_LOOKED) continue;
      const rows = await Promise.all(names.map((tag) => this.#rowOf(repository, tag)));
      return { rows: rows.flat(), last: isLast ? undefined : toCursor('tags', ['tag', last]) };
    }
  }

  async #rowOf(repository: string, tag: string): Promise<Row[]> {
    const found = await this.#options.store.tags.find(repository, tag);
    return found ? [{ tag, digest: found.digest }] : []; // it was removed meanwhile
  }

  /** @param after the digest of the previous page; empty or absent on the first one */
  async #untagged(repository: string, after: Digest | '' | undefined, limit: number) {
    const { readings } = this.#options;
    const tagged = await readings.of(repository, { isNextPage: Boolean(after) });
    const rows: Row[] = [];
    for await (const { kind, digest } of this.#records(repository, after)) {
      if (kind !== 'manifest' || tagged.has(digest)) continue;
      if (rows.length === limit) return { rows, last: toCursor('tags', ['digest', rows.at(-1)?.digest ?? '']) };
      rows.push({ digest });
    }
    return { rows, last: undefined };
  }

  async *#records(repository: string, after: Digest | '' | undefined): AsyncGenerator<UsageRecord> {
    const { index } = this.#options;
    if (!after) yield* index.ofRepository(repository);
    else {
      for (let last = { repository, digest: after, kind: 'manifest' as UsageRecord['kind'] }; ; ) {
        const page = await index.page({ after: last, limit: 500 });
        for (const record of page) {
          if (record.repository !== repository) return;
          yield record;
          last = record;
        }
        if (page.length < 500) return;
      }
    }
  }

  async #view(repository: string, { tag, digest }: Row, pinned: PinnedNow): Promise<TagView> {
    const { index, store, sizes } = this.#options;
    const record = await index.find({ repository, digest, kind: 'manifest' });
    const manifest = await store.manifests.read(repository, digest);
    const { manifests: referrers } = await store.referrers.list(repository, digest, { n: MAX_REFERRERS });
    return {
      tag,
      digest,
      ...(manifest && (await this.#described(repository, manifest))),
      size: record ? await sizes.of(record) : 0,
      referrers: referrers.length,
      ...(tag !== undefined && (await this.#age(repository, tag))),
      ...this.#lasting(record, { pinned: await pinned.has({ repository, digest }) }),
    };
  }

  async #described(repository: string, { stored, reading }: BrowsedManifest) {
    const { artifactType, references } = reading.manifest;
    const children = references.filter(({ kind }) => kind === 'manifest').slice(0, MAX_PLATFORMS);
    const platforms = await Promise.all(children.map((child) => this.#platform(repository, child)));
    return {
      mediaType: cutText(stored.mediaType, MAX_TYPE_LENGTH),
      artifactType: artifactType && cutText(artifactType, MAX_TYPE_LENGTH),
      platforms: reading.structure === 'index' ? platforms : undefined,
    };
  }

  async #platform(repository: string, { digest, platform }: ManifestReference): Promise<PlatformView> {
    const { index, sizes } = this.#options;
    const record = await index.find({ repository, digest, kind: 'manifest' });
    const size = record ? await sizes.of(record) : 0;
    return { platform: platformName(platform), digest, size, cached: record !== undefined };
  }

  async #age(repository: string, tag: string): Promise<Pick<TagView, 'checkedAt' | 'nextCheckAt'>> {
    const age = await this.#options.tagAge(repository, tag);
    if (!age) return {};
    const { checkedAt, ttlMs } = age;
    return { checkedAt: isoTime(checkedAt), nextCheckAt: isoTime(checkedAt + ttlMs) };
  }

  #lasting(record: UsageRecord | undefined, { pinned }: { readonly pinned: boolean }) {
    const { ttlMs, ownerOf } = this.#options;
    if (!record) return { pinned };
    const stays = ttlMs === 0 || pinned || ownerOf(record.repository).hosted;
    const expiresAt = stays ? undefined : isoTime(record.rank + ttlMs);
    return { lastUsedAt: isoTime(record.lastUsedAt), expiresAt, pinned };
  }
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
