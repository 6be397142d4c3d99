import type { ProgressOutput } from './progress-bar.ts';

const WIDTH = 30;

/** Lines at the bottom of a terminal that are replaced while something is in progress, below lines that stay. */
export class LiveLines {
  readonly #out: ProgressOutput;
  #shown = 0;

  constructor(out: ProgressOutput) {
    this.#out = out;
  }

  /** Replaces the lines. */
  show(lines: readonly string[]): void {
    this.erase();
    const columns = (this.#out.columns ?? 80) - 1;
    this.#out.write(lines.map((line) => `${line.slice(0, columns)}\n`).join(''));
    this.#shown = lines.length;
  }

  erase(): void {
    if (this.#shown > 0) this.#out.write(`\x1b[${this.#shown}A\x1b[J`);
    this.#shown = 0;
  }
}

/** `[####......]  40%` */
export function barOf(done: number, total: number): string {
  const share = total === 0 ? 1 : Math.min(1, done / total);
  const filled = Math.round(share * WIDTH);
  return `[${'#'.repeat(filled)}${'.'.repeat(WIDTH - filled)}] ${`${Math.floor(share * 100)}%`.padStart(4)}`;
}
