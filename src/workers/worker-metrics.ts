import type { MetricChanges, Metrics } from '../telemetry/metrics.ts';

/** Adds the metrics of workers to those of the main process. */
export class WorkerMetrics {
  readonly #metrics: Metrics;
  /** What each worker has added to gauges. */
  readonly #gauges = new Map<number, Map<string, MetricChanges[number]>>();

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
  }

  add(worker: number, changes: MetricChanges): void {
    this.#metrics.add(changes);
    for (const change of changes) if (this.#metrics.isGauge(change.name)) this.#keep(worker, change);
  }

  /** The requests that it had in progress have ended with it. */
  ended(worker: number): void {
    const left = [...(this.#gauges.get(worker)?.values() ?? [])];
    this.#metrics.add(left.map(({ amounts, ...change }) => ({ ...change, amounts: amounts.map((amount) => -amount) })));
    this.#gauges.delete(worker);
  }

  #keep(worker: number, { name, key, amounts }: MetricChanges[number]): void {
    const kept = this.#gauges.get(worker) ?? new Map<string, MetricChanges[number]>();
    this.#gauges.set(worker, kept);
    const id = `${name}\n${key}`;
    const before = kept.get(id)?.amounts ?? [];
    kept.set(id, { name, key, amounts: amounts.map((amount, i) => amount + (before[i] ?? 0)) });
  }
}
