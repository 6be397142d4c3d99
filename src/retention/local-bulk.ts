import type {
  BulkControl,
  BulkEvictedName,
  BulkEviction,
  BulkEvictResult,
  BulkPinned,
  BulkPinResult,
  BulkPins,
} from '../operations/bulk-control.ts';
import type { CacheControl } from '../operations/cache-control.ts';
import { ControlError } from '../operations/control-error.ts';
import type { ManifestParts } from '../usage/manifest-parts.ts';
import type { UsageIndex, UsageRecord } from '../usage/usage-index.ts';
import { EvictionPreview } from './eviction-preview.ts';
import type { Housekeeping } from './housekeeping.ts';
import { checkLength, parsePin } from './pins.ts';

export interface LocalBulkOptions {
  readonly control: Pick<CacheControl, 'evict' | 'pin' | 'pins'>;
  readonly housekeeping: Pick<Housekeeping, 'contents' | 'pins'>;
  readonly index: UsageIndex;
  readonly parts: ManifestParts;
  readonly isHosted: (repository: string) => boolean;
  /** Writes noted uses to the index. */
  readonly flush: () => Promise<void>;
}

const MAX_NAMES = 100;
const MAX_MANIFESTS = 1_000;
const HOSTED = 'it cannot be fetched again (force deletes it for good)';
const PINNED = 'it is pinned';

interface Found {
  readonly name: string;
  readonly records: readonly UsageRecord[];
  readonly lastUsedAt?: string;
  readonly held?: string;
}

/** Operations on many names in the storage of this process. */
export class LocalBulk implements BulkControl {
  readonly #options: LocalBulkOptions;

  constructor(options: LocalBulkOptions) {
    this.#options = options;
  }

  async evictAll({ names, force = false, dryRun = false }: BulkEviction): Promise<BulkEvictResult> {
    checkNumber('names', names);
    await this.#options.flush();
    if (dryRun) return this.#preview(names, force);
    const evicted: BulkEvictedName[] = [];
    for (const name of names) evicted.push(await this.#evict(name, force));
    return { dryRun, ...sumOf(evicted), names: evicted };
  }

  async pinAll({ patterns, dryRun = false }: BulkPins): Promise<BulkPinResult> {
    checkNumber('patterns', patterns);
    for (const pattern of patterns) checkPattern(pattern);
    const { control, flush } = this.#options;
    await flush();
    const known = new Set((await control.pins()).flatMap(({ pattern, from }) => (from === 'bundle' ? [] : [pattern])));
    const pinned: BulkPinned[] = [];
    for (const pattern of patterns) {
      const { entries } = await this.#options.housekeeping.contents.list({ filter: pattern, limit: MAX_MANIFESTS });
      const bytes = entries.reduce((sum, { size }) => sum + size, 0);
      if (!dryRun) await control.pin(pattern);
      pinned.push({ pattern, wasPinned: known.has(pattern), manifests: entries.length, bytes });
    }
    return { dryRun, patterns: pinned };
  }

  async #evict(name: string, force: boolean): Promise<BulkEvictedName> {
    try {
      return { name, ...(await this.#options.control.evict(name, { force })) };
    } catch (err) {
      return { name, references: 0, bytes: 0, held: reasonOf(err) };
    }
  }

  async #preview(names: readonly string[], force: boolean): Promise<BulkEvictResult> {
    const { index, parts, housekeeping } = this.#options;
    const preview = new EvictionPreview({ index, parts, pinned: await housekeeping.pins.current() });
    const found: Found[] = [];
    // All names first: a part that only these images share is removed with the last of them.
    for (const name of names) found.push(await this.#find(name, { force, preview }));
    const whole: Found[] = [];
    for (const each of found) whole.push({ ...each, records: await preview.withParts(each.records) });
    const previewed: BulkEvictedName[] = [];
    let shared = 0;
    for (const { records, ...about } of whole) {
      const { sharedBytes, ...freed } = await preview.bytesOf(records);
      shared += sharedBytes;
      previewed.push({ ...about, ...freed });
    }
    return { dryRun: true, ...sumOf(previewed), sharedBytes: shared, names: previewed };
  }

  async #find(name: string, { force, preview }: { force: boolean; preview: EvictionPreview }): Promise<Found> {
    try {
      const found = await this.#options.housekeeping.contents.find(name);
      const lastUsedAt = new Date(Math.max(...found.map((record) => record.lastUsedAt))).toISOString();
      const evictable = force ? found : found.filter(({ repository }) => !this.#options.isHosted(repository));
      const records = await preview.add(evictable);
      const held = evictable.length < found.length ? HOSTED : records.length < evictable.length ? PINNED : undefined;
      return { name, records, lastUsedAt, ...(held !== undefined && { held }) };
    } catch (err) {
      return { name, records: [], held: reasonOf(err) };
    }
  }
}

function sumOf(names: readonly BulkEvictedName[]): { readonly references: number; readonly bytes: number } {
  return {
    references: names.reduce((sum, { references }) => sum + references, 0),
    bytes: names.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

function reasonOf(err: unknown): string {
  if (err instanceof ControlError) return err.message;
  throw err;
}

function checkNumber(key: string, items: readonly string[]): void {
  if (items.length > 0 && items.length <= MAX_NAMES) return;
  throw new ControlError('invalid', `${key} must have 1 to ${MAX_NAMES} entries`);
}

function checkPattern(pattern: string): void {
  checkLength(pattern);
  if (pattern.trim() === '' || pattern.includes('\n')) throw new ControlError('invalid', 'a pin is one line of text');
  parsePin(pattern);
}
