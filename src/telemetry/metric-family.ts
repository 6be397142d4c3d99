import { setTimeout as delay } from 'node:timers/promises';

/*
 * prom-client builds and hashes a label string on every `inc` and `observe`, on children of `labels()` too (0.2 to
 * 0.3 µs each, ten of them per request). A cell here is a number that its owner holds and changes. The registry reads
 * all cells when it is scraped.
 */

/** One time series of a counter or gauge. Counters only ever go up. */
export interface Cell {
  value: number;
}

/** A file system that hangs must not keep the other metrics from Prometheus. Milliseconds. */
const READING_MS = 1000;

/**
 * Reads the value of a gauge. Without a value, the time series is absent; also when reading fails or takes longer than
 * {@link READING_MS}.
 */
export type Reading = () => number | undefined | Promise<number | undefined>;

export interface FamilyOptions {
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
}

interface Sample {
  readonly metricName?: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
}

/** All time series of one name. Look a cell up once and keep it where calls are frequent. */
export class ValueFamily {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge';
  readonly labels: readonly string[];
  readonly #cells: CellMap<Cell>;
  readonly #readings: CellMap<{ read: Reading }>;

  constructor(type: 'counter' | 'gauge', { name, help, labels }: FamilyOptions) {
    this.name = name;
    this.help = help;
    this.type = type;
    this.labels = labels;
    this.#cells = new CellMap(labels, () => ({ value: 0 }));
    this.#readings = new CellMap(labels, () => ({ read: () => undefined }));
  }

  /** The cell of these label values, in the order of `labels`; a new one starts at 0. */
  at(...values: string[]): Cell {
    return this.#cells.at(values);
  }

  /** A time series that is read when the registry is scraped; replaces an earlier reading of these label values. */
  measure(read: Reading, ...values: string[]): void {
    this.#readings.at(values).read = read;
  }

  /** Over the cells with labels that `selects` accepts; without those that are read when the registry is scraped. */
  sum(selects: (labels: Readonly<Record<string, string>>) => boolean = () => true): number {
    return this.#cells.entries().reduce((sum, { labels, cell }) => sum + (selects(labels) ? cell.value : 0), 0);
  }

  /** Reads a time series now. @returns undefined without a value within {@link READING_MS} */
  async read(...values: string[]): Promise<number | undefined> {
    const wanted = values.join();
    const read = await this.#measured();
    return read.find(({ labels }) => this.labels.map((label) => labels[label]).join() === wanted)?.value;
  }

  /** The cells that have changed since the last call, and by how much. */
  takeChanges(): CellChange[] {
    return this.#cells.changes(({ value }) => [value]);
  }

  add({ key, amounts: [amount = 0] }: CellChange): void {
    this.#cells.atKey(key).value += amount;
  }

  /** Called by the registry when it is scraped. */
  async get(): Promise<object> {
    const held: Sample[] = this.#cells.entries().map(({ labels, cell }) => ({ labels, value: cell.value }));
    const values = [...held, ...(await this.#measured())];
    return { name: this.name, help: this.help, type: this.type, aggregator: 'sum', values };
  }

  async #measured(): Promise<Sample[]> {
    const readings = this.#readings.entries();
    if (readings.length === 0) return [];
    const done = new AbortController();
    const late = delay(READING_MS, undefined, { signal: done.signal }).catch(() => undefined);
    const reading = readings.map(async ({ labels, cell }) => {
      const value = await Promise.race([cell.read(), late]);
      return value === undefined ? [] : [{ labels, value }];
    });
    const settled = await Promise.allSettled(reading);
    done.abort();
    return settled.flatMap((each) => (each.status === 'fulfilled' ? each.value : []));
  }
}

export class HistogramFamily {
  readonly name: string;
  readonly help: string;
  readonly type = 'histogram';
  readonly labels: readonly string[];
  readonly #bounds: readonly number[];
  readonly #cells: CellMap<HistogramCell>;

  /** @param options.bounds upper bounds of the buckets, ascending, without infinity */
  constructor({ name, help, labels, bounds }: FamilyOptions & { bounds: readonly number[] }) {
    this.name = name;
    this.help = help;
    this.#bounds = bounds;
    this.labels = labels;
    this.#cells = new CellMap(labels, () => new HistogramCell(bounds));
  }

  at(...values: string[]): HistogramCell {
    return this.#cells.at(values);
  }

  /** As {@link ValueFamily.takeChanges}. */
  takeChanges(): CellChange[] {
    return this.#cells.changes(({ counts, sum }) => [sum, ...counts]);
  }

  add({ key, amounts: [sum = 0, ...counts] }: CellChange): void {
    const cell = this.#cells.atKey(key);
    cell.sum += sum;
    for (const [bucket, count] of counts.entries()) cell.counts[bucket] = (cell.counts[bucket] ?? 0) + count;
  }

  async get(): Promise<object> {
    const values = this.#cells.entries().flatMap(({ labels, cell }) => this.#samples(labels, cell));
    return { name: this.name, help: this.help, type: this.type, aggregator: 'sum', values };
  }

  #samples(labels: Readonly<Record<string, string>>, { counts, sum }: HistogramCell): Sample[] {
    let count = 0;
    const buckets = counts.map((inBucket, index) => {
      count += inBucket;
      const le = this.#bounds[index] ?? '+Inf';
      return { metricName: `${this.name}_bucket`, labels: { ...labels, le }, value: count };
    });
    return [
      ...buckets,
      { metricName: `${this.name}_sum`, labels, value: sum },
      { metricName: `${this.name}_count`, labels, value: count },
    ];
  }
}

/** By how much one time series has changed: its value, or the sum and the buckets of a histogram. */
export interface CellChange {
  /** Its label values. */
  readonly key: string;
  readonly amounts: readonly number[];
}

/** All time series of one name, as a registry of prom-client reads them. */
export type MetricFamily = ValueFamily | HistogramFamily;

/** One time series of a histogram. */
export class HistogramCell {
  readonly #bounds: readonly number[];
  /** Observations per bucket, not cumulative; the last bucket is above all bounds. */
  readonly counts: number[];
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.counts = Array.from({ length: bounds.length + 1 }, () => 0);
  }

  observe(value: number): void {
    const bounds = this.#bounds;
    let bucket = 0;
    while (bucket < bounds.length && value > (bounds[bucket] ?? Infinity)) bucket++;
    this.counts[bucket] = (this.counts[bucket] ?? 0) + 1;
    this.sum += value;
  }
}

/** Between label values, of which none contains it. */
const SEPARATOR = '\0';

class CellMap<T> {
  readonly #names: readonly string[];
  readonly #create: () => T;
  readonly #entries = new Map<string, { readonly labels: Readonly<Record<string, string>>; readonly cell: T }>();
  /** Amounts that {@link changes} has returned so far. */
  readonly #taken = new Map<string, readonly number[]>();

  constructor(names: readonly string[], create: () => T) {
    this.#names = names;
    this.#create = create;
  }

  at(values: readonly string[]): T {
    return this.atKey(values.join(SEPARATOR));
  }

  atKey(key: string): T {
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      const values = key.split(SEPARATOR);
      const labels = Object.fromEntries(this.#names.map((name, index) => [name, values[index] ?? '']));
      entry = { labels, cell: this.#create() };
      this.#entries.set(key, entry);
    }
    return entry.cell;
  }

  changes(amountsOf: (cell: T) => readonly number[]): CellChange[] {
    return [...this.#entries].flatMap(([key, { cell }]) => {
      const [amounts, taken] = [amountsOf(cell), this.#taken.get(key)];
      const changed = amounts.map((amount, i) => amount - (taken?.[i] ?? 0));
      if (changed.every((amount) => amount === 0)) return [];
      this.#taken.set(key, amounts);
      return [{ key, amounts: changed }];
    });
  }

  entries(): { readonly labels: Readonly<Record<string, string>>; readonly cell: T }[] {
    return [...this.#entries.values()];
  }
}
