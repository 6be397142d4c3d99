import { LRUCache } from 'lru-cache';

/** Small values by key, the least recently used thrown out first. */
export interface BoundedCache<V> {
  get(key: string): V | undefined;
  set(key: string, value: V): void;
  delete(key: string): void;
}

/** Bounded by the number of entries. */
export function createCountedCache<V extends object>({ maxEntries }: { maxEntries: number }): BoundedCache<V> {
  return new LRUCache<string, V>({ max: maxEntries });
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
