import { LRUCache } from 'lru-cache';

/** Small values by key, the least recently used thrown out first. */
export interface BoundedCache<V> {
  get(key: string): V | undefined;
  set(key: string, value: V): void;
  delete(key: string): void;
  clear(): void;
}

/** Bounded by the number of entries, and by their age where `ttlMs` is given. */
export function createCountedCache<V extends object>({
  maxEntries,
  ttlMs,
}: {
  maxEntries: number;
  ttlMs?: number;
}): BoundedCache<V> {
  return new LRUCache<string, V>({ max: maxEntries, ...(ttlMs !== undefined && { ttl: ttlMs }) });
}

/** Bounded by what the entries weigh together, in bytes; a value that weighs more than `maxEntryBytes` is not kept. */
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
