import type { ImageProgress, JobStatus } from '../operations/job-control.ts';
import { barOf, LiveLines } from './live-lines.ts';
import { printable } from './image-description.ts';
import type { ProgressOutput } from './progress-bar.ts';
import { formatBytes, formatSpan } from './table.ts';

/** The rate is that of the last seconds. Milliseconds. */
const RATE_SPAN_MS = 5_000;

/** A bar for each image that is being fetched, above the totals of the job. For terminals. */
export class JobProgress {
  readonly #lines: LiveLines;
  readonly #now: () => number;
  /** Bytes at earlier times, the oldest first. */
  readonly #samples: { readonly at: number; readonly bytes: number }[] = [];

  constructor(out: ProgressOutput, now: () => number) {
    this.#lines = new LiveLines(out);
    this.#now = now;
  }

  erase(): void {
    this.#lines.erase();
  }

  show(job: JobStatus): void {
    const rate = this.#rateOf(job);
    const rest = rate > 0 ? `, ${formatBytes(rate)}/s, ${formatSpan((leftOf(job) / rate) * 1_000)} left` : '';
    const totals = `${barOf(job.done, job.total)} ${job.done} of ${job.total} images, ${formatBytes(job.bytes)}${rest}`;
    this.#lines.show([...job.active.map(lineOf), totals]);
  }

  /** Bytes per second. */
  #rateOf(job: JobStatus): number {
    const now = this.#now();
    const bytes = job.bytes + activeBytes(job);
    this.#samples.push({ at: now, bytes });
    while ((this.#samples[1]?.at ?? now) <= now - RATE_SPAN_MS) this.#samples.shift();
    const first = this.#samples[0];
    return first && now > first.at ? Math.max(0, ((bytes - first.bytes) / (now - first.at)) * 1_000) : 0;
  }
}

function activeBytes({ active }: JobStatus): number {
  return active.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** Bytes. Images whose size is not known yet count like the average of those that are done. */
function leftOf({ active, done, total, bytes }: JobStatus): number {
  const known = active.reduce((sum, image) => sum + Math.max(0, (image.total ?? 0) - image.bytes), 0);
  const unknown = total - done - active.filter((image) => image.total !== undefined).length;
  return known + (done === 0 ? 0 : unknown * (bytes / done));
}

function lineOf({ name, bytes, total }: ImageProgress): string {
  if (total === undefined) return printable(`${name}  waiting`);
  return printable(`${name}  ${barOf(bytes, total)} of ${formatBytes(total)}`);
}
