import { mkdir, open, rename, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

export interface DeadLettersOptions {
  readonly path: string;
  /** Of both files together. */
  readonly maxBytes: number;
  /** Unix milliseconds. */
  readonly now: () => number;
}

/**
 * Events that are not retried any more, as lines of JSON, for an operator to inspect and send again. A full file replaces the old file.
 */
export class DeadLetters {
  readonly #options: DeadLettersOptions;
  /** The last write; writes are sequential. */
  #last: Promise<void> = Promise.resolve();

  constructor(options: DeadLettersOptions) {
    this.#options = options;
  }

  /** Resolves when they are on disk. @param events as JSON @throws the file system's error */
  async add(events: readonly string[], reason: string): Promise<void> {
    const givenUpAt = new Date(this.#options.now()).toISOString();
    const head = `{"givenUpAt":${JSON.stringify(givenUpAt)},"reason":${JSON.stringify(reason)},"event":`;
    const lines = Buffer.from(events.map((event) => `${head}${event}}\n`).join(''));
    const written = this.#last.then(() => this.#write(lines));
    this.#last = written.catch(() => {});
    return written;
  }

  async #write(lines: Buffer): Promise<void> {
    const { path, maxBytes } = this.#options;
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const size = await stat(path).then(
      (found) => found.size,
      () => 0,
    );
    if (size > 0 && size + lines.length > maxBytes / 2) await rename(path, `${path}.old`);
    const file = await open(path, 'a', 0o600);
    try {
      await file.appendFile(lines);
      await file.datasync();
    } finally {
      await file.close();
    }
  }
}
