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
 * Events that were given up, a line of JSON each, for somebody to look at and send again. When the file is full it becomes the
 * old one, and the old one goes.
 */
export class DeadLetters {
  readonly #options: DeadLettersOptions;
  /** One write after the other. */
  #last: Promise<void> = Promise.resolve();

  constructor(options: DeadLettersOptions) {
    this.#options = options;
  }

  /** Resolves when they are on disk. @param events as JSON @throws what the disk says */
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
