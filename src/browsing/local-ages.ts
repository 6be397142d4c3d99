import type { StorageAges, StorageControl, UpstreamAges } from '../operations/storage-control.ts';
import { byName } from '../retention/content-order.ts';
import type { UsageIndex } from '../usage/usage-index.ts';
import type { NameOwner } from './browsed-store.ts';

export interface LocalAgesOptions {
  readonly index: UsageIndex;
  readonly ownerOf: (repository: string) => NameOwner;
  readonly flush: () => Promise<void>;
  /** Unix milliseconds. */
  readonly now: () => number;
}

const DAYS = [1, 3, 7, 14, 30, 90] as const;
const DAY_MS = 86_400_000;
const MAX_UPSTREAMS = 100;
/** How long a reading of the index is shown. Milliseconds. */
const KEEP_MS = 600_000;

/** Stored content by age. Reads the whole index, in parts, at most once in ten minutes. */
export class LocalAges implements StorageControl {
  readonly #options: LocalAgesOptions;
  #reading: Promise<StorageAges> | undefined;
  #last: StorageAges | undefined;

  constructor(options: LocalAgesOptions) {
    this.#options = options;
  }

  /** The last reading; the first request waits for one. */
  async ages(): Promise<StorageAges> {
    const { now } = this.#options;
    const isCurrent = this.#last && now() - Date.parse(this.#last.asOf) < KEEP_MS;
    if (!isCurrent) this.#reading ??= this.#read().finally(() => (this.#reading = undefined));
    if (!this.#last && this.#reading) return this.#reading;
    void this.#reading?.catch(() => {}); // the next request reads again
    return this.#last as StorageAges;
  }

  async #read(): Promise<StorageAges> {
    const { index, ownerOf, flush, now } = this.#options;
    await flush();
    const at = now();
    const sums = new Map<string, Sums>();
    let owned: { readonly repository: string; readonly sums: Sums } | undefined;
    for await (const { repository, size, lastUsedAt } of byName(index)) {
      if (owned?.repository !== repository) owned = { repository, sums: sumsOf(sums, ownerOf(repository)) };
      owned.sums.add(size, at - lastUsedAt);
    }
    const upstreams = [...sums.values()].map((each) => each.view()).sort((a, b) => b.bytes - a.bytes);
    this.#last = { asOf: new Date(at).toISOString(), days: DAYS, upstreams: upstreams.slice(0, MAX_UPSTREAMS) };
    return this.#last;
  }
}

function sumsOf(all: Map<string, Sums>, owner: NameOwner): Sums {
  const key = owner.upstream ?? '';
  const sums = all.get(key) ?? new Sums(owner);
  all.set(key, sums);
  return sums;
}

class Sums {
  readonly #owner: NameOwner;
  readonly #bytesByAge: number[] = Array<number>(DAYS.length + 1).fill(0);
  #references = 0;

  constructor(owner: NameOwner) {
    this.#owner = owner;
  }

  add(size: number, ageMs: number): void {
    const found = DAYS.findIndex((days) => ageMs < days * DAY_MS);
    const age = found < 0 ? DAYS.length : found;
    this.#bytesByAge[age] = (this.#bytesByAge[age] ?? 0) + size;
    this.#references++;
  }

  view(): UpstreamAges {
    const bytes = this.#bytesByAge.reduce((sum, each) => sum + each, 0);
    return { ...this.#owner, bytes, references: this.#references, bytesByAge: this.#bytesByAge };
  }
}
