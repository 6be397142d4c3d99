import { LRUCache } from 'lru-cache';

/** A cache that evicts the least recently used values first. */
export interface BoundedCache<V> {
  get(key: string): V | undefined;
  set(key: string, value: V): void;
  delete(key: string): void;
  clear(): void;
}

/**
 * A cache with a limited number of entries, and a limit for their age when `ttlMs` is present. The limit is one of size, with 1 for each
 * entry: for a limit of entries, the package allocates the memory of a full cache at once.
 */
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
  return new LRUCache<string, V>({
    maxSize: maxEntries,
    sizeCalculation: () => 1,
    ...(ttlMs !== undefined && { ttl: ttlMs, perf: { now } }),
  });
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
