/** Where progress is shown: a bar on a terminal, otherwise an occasional line. */
export interface ProgressOutput {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  write(text: string): unknown;
}

const WIDTH = 30;
/** Milliseconds. */
const BAR_INTERVAL = 100;
const LINE_INTERVAL = 5_000;

export class ProgressBar {
  readonly #out: ProgressOutput;
  readonly #now: () => number;
  readonly #format: (value: number) => string;
  #shownAt = -Infinity;
  #label = '';

  constructor(out: ProgressOutput, now: () => number = Date.now, format: (value: number) => string = String) {
    this.#out = out;
    this.#now = now;
    this.#format = format;
  }

  update(label: string, { done, total }: { readonly done: number; readonly total: number }): void {
    const now = this.#now();
    const isNew = label !== this.#label;
    if (!isNew && now - this.#shownAt < (this.#out.isTTY ? BAR_INTERVAL : LINE_INTERVAL)) return;
    this.#shownAt = now;
    this.#label = label;
    const share = total === 0 ? 1 : Math.min(1, done / total);
    const counted = `${this.#format(done)} of ${this.#format(total)}`;
    const percent = `${Math.floor(share * 100)}%`.padStart(4);
    if (!this.#out.isTTY) {
      this.#out.write(`${label}: ${counted} (${percent.trim()})\n`);
      return;
    }
    const filled = Math.round(share * WIDTH);
    const line = `${label.padEnd(14)} [${'#'.repeat(filled)}${'.'.repeat(WIDTH - filled)}] ${percent} ${counted}`;
    this.#out.write(`\r${line.slice(0, (this.#out.columns ?? 80) - 1)}\x1b[K`);
  }

  /** Removes the bar. */
  end(): void {
    if (this.#out.isTTY) this.#out.write('\r\x1b[K');
  }
}
