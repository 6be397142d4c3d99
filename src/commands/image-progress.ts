import type { CopyEvents, CopySize } from '../images/copy.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { barOf, LiveLines } from './live-lines.ts';
import type { ProgressOutput } from './progress-bar.ts';
import { formatBytes } from './table.ts';

interface Moving {
  readonly blob: Descriptor;
  position: number;
}

/** Milliseconds. */
const REDRAW_EVERY = 100;
const LINE_EVERY = 5_000;
const WORDS = { copied: 'copied', mounted: 'mounted', present: 'already present' } as const;

/** On a terminal, a bar for each blob in progress below a line for each finished one; elsewhere only lines. */
export class ImageProgress implements CopyEvents {
  readonly #out: ProgressOutput;
  readonly #now: () => number;
  readonly #moving = new Map<string, Moving>();
  readonly #bars: LiveLines;
  #shownAt = 0;
  #total = 0;
  #done = 0;

  constructor(out: ProgressOutput, now: () => number = Date.now) {
    this.#out = out;
    this.#bars = new LiveLines(out);
    this.#now = now;
    this.#shownAt = now();
  }

  planned({ manifests, blobs, size, attachments }: CopySize): void {
    this.#total = size;
    const attached = attachments > 0 ? ` (${count(attachments, 'attachment')})` : '';
    this.#line(`${count(manifests, 'manifest')}${attached}, ${count(blobs, 'blob')}, ${formatBytes(size)}`);
  }

  blobStarted(blob: Descriptor): void {
    this.#moving.set(blob.digest, { blob, position: 0 });
    this.#show();
  }

  blobMoved(blob: Descriptor, position: number): void {
    const moving = this.#moving.get(blob.digest);
    if (moving) moving.position = position;
    this.#show();
  }

  blobDone(blob: Descriptor, how: keyof typeof WORDS): void {
    this.#moving.delete(blob.digest);
    this.#done += blob.size;
    this.#line(`${short(blob)}  ${formatBytes(blob.size).padStart(9)}  ${WORDS[how]}`);
  }

  blobFailed(blob: Descriptor): void {
    this.#moving.delete(blob.digest);
  }

  warn(text: string): void {
    this.#line(`warning: ${text}`);
  }

  /** Removes the bars. */
  end(): void {
    this.#bars.erase();
    this.#moving.clear();
  }

  #line(text: string): void {
    this.#bars.erase();
    this.#out.write(`${text}\n`);
    if (this.#out.isTTY) this.#draw();
  }

  #show(): void {
    const now = this.#now();
    if (now - this.#shownAt < (this.#out.isTTY ? REDRAW_EVERY : LINE_EVERY)) return;
    this.#shownAt = now;
    if (this.#out.isTTY) return this.#draw();
    const under = [...this.#moving.values()].reduce((sum, { position }) => sum + position, this.#done);
    this.#out.write(`${formatBytes(under)} of ${formatBytes(this.#total)}\n`);
  }

  #draw(): void {
    this.#bars.show([...this.#moving.values()].map(bar));
  }
}

/** For `--quiet`. */
export const NO_PROGRESS: CopyEvents = {
  planned: () => undefined,
  blobStarted: () => undefined,
  blobMoved: () => undefined,
  blobDone: () => undefined,
  blobFailed: () => undefined,
};

function bar({ blob, position }: Moving): string {
  return `${short(blob)}  ${barOf(position, blob.size)} of ${formatBytes(blob.size)}`;
}

/** `sha256:0123456789ab` */
function short({ digest }: Descriptor): string {
  return digest.slice(0, digest.indexOf(':') + 13);
}

export function count(n: number, word: string): string {
  return `${n} ${word}${n === 1 ? '' : 's'}`;
}
