import { LRUCache } from 'lru-cache';

/** A cache that evicts the least recently used values first. */
export interface BoundedCache<V> {
  get(key: string): V | undefined;
  set(key: string, value: V): void;
  delete(key: string): void;
  clear(): void;
}

/** A cache with a limited number of entries, and a limit for their age when `ttlMs` is present. */
export function createCountedCache<V extends object>({
  maxEntries,
  ttlMs,
  now = () => performance.now(),
}: {
  maxEntries: number;
  ttlMs?: number;
  /** Milliseconds. @default those of `performance.now` */
  now?: (() => number) | undefined;
}): BoundedCache<V> {
  return new LRUCache<string, V>({ max: maxEntries, ...(ttlMs !== undefined && { ttl: ttlMs, perf: { now } }) });
}

/** A cache with a limited total size. A value larger than `maxEntryBytes` is not cached. */
export function createSizedCache<V extends object>(options: {
  maxBytes: number;
  maxEntryBytes: number;
  sizeOf: (value: V) => number;
}): BoundedCache<V> {
  return new LRUCache<string, V>({
    maxSize: options.maxBytes,
    maxEntrySize: options.maxEntryBytes,
    sizeCalculation: (value) => Math.max(1, options.sizeOf(value)),
  });
}
