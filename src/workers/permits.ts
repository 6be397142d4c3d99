import type { IncomingMessage } from 'node:http';

import { type BoundedCache, createCountedCache, createSizedCache } from '../cache/lru.ts';
import { hasNoBody } from './forwarded-headers.ts';
import { permitKey } from './permit-key.ts';
import { type Permit, type PermittedContent, sharedNow } from './protocol.ts';

const PERMIT_BYTES = 4 * 1024 * 1024;
const MAX_PERMIT_BYTES = 64 * 1024;
const CONTENT_BYTES = 16 * 1024 * 1024;
const MAX_TAGS = 20_000;

/** A permit without its content. Times in milliseconds of `performance.now`. */
type KeptPermit = Pick<Permit, 'request' | 'user' | 'sourceHost' | 'upstream' | 'namedBy' | 'isGetOnly'> & {
  readonly until: number;
  readonly tagName: string | undefined;
  readonly contentName: string;
  /** Memory that it takes, with its key. */
  readonly bytes: number;
};

/** A permit that is valid now. */
export interface Permitted extends Pick<KeptPermit, 'request' | 'user' | 'sourceHost' | 'upstream' | 'namedBy'> {
  readonly content: PermittedContent;
}

/**
 * What this worker may serve. The main process gives each permit, and removes content and tags. Permits of several clients share their content and
 * their tag, so that these are forgotten for all at once.
 */
export class Permits {
  readonly #permits: BoundedCache<KeptPermit> = createSizedCache({
    maxBytes: PERMIT_BYTES,
    maxEntryBytes: MAX_PERMIT_BYTES,
    sizeOf: ({ bytes }) => bytes,
  });
  readonly #contents: BoundedCache<PermittedContent> = createSizedCache({
    maxBytes: CONTENT_BYTES,
    maxEntryBytes: CONTENT_BYTES / 4,
    sizeOf: ({ source }) => ('bytes' in source ? source.bytes.length : 0) + 512,
  });
  readonly #tags: BoundedCache<{ readonly until: number; readonly contentName: string }> = createCountedCache({
    maxEntries: MAX_TAGS,
  });

  add({ key, until, tag, content, ...permit }: Permit): void {
    const offset = performance.now() - sharedNow();
    const bytes = key.length + content.name.length * 2 + 512;
    this.#permits.set(key, { ...permit, until: until + offset, tagName: tag?.name, contentName: content.name, bytes });
    this.#contents.set(content.name, content);
    if (tag) this.#tags.set(tag.name, { until: tag.until + offset, contentName: content.name });
  }

  /** @param name of content or a tag; absent: all of them */
  forget(name: string | undefined): void {
    if (name === undefined) {
      for (const cache of [this.#permits, this.#contents, this.#tags]) cache.clear();
      return;
    }
    this.#contents.delete(name);
    this.#tags.delete(name);
  }

  find(req: IncomingMessage): Permitted | undefined {
    const key = permitKey(req);
    const permit = key === undefined ? undefined : this.#permits.get(key);
    if (!permit || !hasNoBody(req) || (permit.isGetOnly && req.method !== 'GET')) return undefined;
    const now = performance.now();
    const { tagName } = permit;
    const tag = tagName === undefined ? permit : this.#tags.get(tagName);
    if (!tag || now >= permit.until || now >= tag.until) return undefined;
    const content = this.#contents.get(tag.contentName);
    return content && { ...permit, content };
  }
}
