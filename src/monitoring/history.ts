import type { Clock } from '../clock/clock.ts';
import type { HistoryRange, HistoryView } from '../operations/status-control.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { UsageIndex } from '../usage/usage-index.ts';
import { IS_LEVEL, LASTING, SERIES, SERIES_NAMES, type SeriesName, type Sums } from './series.ts';
import { SeriesRing } from './series-ring.ts';

const SECOND_MS = 1_000;
const SAMPLE_MS = 10 * SECOND_MS;
/** A process that is killed loses what it counted within this. */
const KEEP_MS = 60 * SECOND_MS;

export interface HistoryOptions {
  readonly metrics: Metrics;
  /** Has the sums since the first start. */
  readonly index: Pick<UsageIndex, 'count' | 'counters'>;
  readonly clock: Pick<Clock, 'now'>;
}

/** Series of this process, and sums that outlive it. */
export class History {
  readonly #options: HistoryOptions;
  readonly #rings: Readonly<Record<HistoryRange, SeriesRing>> = {
    '1h': new SeriesRing({ stepMs: SAMPLE_MS, steps: 360, isLevel: IS_LEVEL }),
    '24h': new SeriesRing({ stepMs: 300 * SECOND_MS, steps: 288, isLevel: IS_LEVEL }),
    '90d': new SeriesRing({ stepMs: 3_600 * SECOND_MS, steps: 2160, isLevel: IS_LEVEL }),
  };
  #before: readonly number[] = SERIES_NAMES.map(() => 0);
  /** Counted, and not yet in the index. */
  #due = new Map<SeriesName, number>();
  #keptAt: number;
  #timer: NodeJS.Timeout | undefined;
  #keeping: Promise<void> = Promise.resolve();

  constructor(options: HistoryOptions) {
    this.#options = options;
    this.#keptAt = options.clock.now();
  }

  start(): void {
    const tick = () => {
      this.sample();
      if (this.#options.clock.now() - this.#keptAt >= KEEP_MS) void this.keep();
    };
    this.#timer = setInterval(tick, SAMPLE_MS).unref();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.sample();
    await this.keep();
  }

  sample(): void {
    const { metrics, clock } = this.#options;
    const values = SERIES_NAMES.map((name) => SERIES[name].read(metrics));
    const sample = values.map((value, i) => (IS_LEVEL[i] ? value : value - (this.#before[i] ?? 0)));
    this.#before = values;
    for (const ring of Object.values(this.#rings)) ring.add(clock.now(), sample);
    for (const name of LASTING) this.#add(name, sample[SERIES_NAMES.indexOf(name)] ?? 0);
  }

  /** Of one of the ranges, up to now. */
  sums(range: HistoryRange): Sums {
    const now = this.#options.clock.now();
    return (name) => this.#rings[range].sum(SERIES_NAMES.indexOf(name), now);
  }

  /** Since the first start of any process with this index; only of the {@link LASTING} series. */
  async lasting(): Promise<{ readonly since: number | undefined; readonly sum: Sums }> {
    await this.#keeping;
    const { since, sums } = await this.#options.index.counters();
    return { since, sum: (name) => (sums[name] ?? 0) + (this.#due.get(name) ?? 0) };
  }

  view(range: HistoryRange): HistoryView {
    const ring = this.#rings[range];
    const { from, rows } = ring.read(this.#options.clock.now());
    const series = SERIES_NAMES.map((name, i) => [name, rows.map((row) => row?.[i] ?? null)] as const);
    const stepSeconds = ring.stepMs / SECOND_MS;
    return { range, from: new Date(from).toISOString(), stepSeconds, series: Object.fromEntries(series) };
  }

  /** Adds the counts to the index; when that fails, it stays due. Never rejects. */
  keep(): Promise<void> {
    const { clock } = this.#options;
    this.#keptAt = clock.now();
    return (this.#keeping = this.#keeping.then(() => this.#keep()));
  }

  async #keep(): Promise<void> {
    const due = [...this.#due].filter(([, amount]) => amount > 0);
    if (due.length === 0) return;
    this.#due = new Map();
    const { index, clock } = this.#options;
    await index.count(Object.fromEntries(due), clock.now()).catch(() => {
      for (const [name, amount] of due) this.#add(name, amount);
    });
  }

  #add(name: SeriesName, amount: number): void {
    this.#due.set(name, (this.#due.get(name) ?? 0) + amount);
  }
}
