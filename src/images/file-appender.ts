import type { FileHandle } from 'node:fs/promises';

/** Bytes per write. */
const BATCH_BYTES = 1024 * 1024;

/** Writes to a file in large parts: one is written while the next one gathers. */
export class FileAppender {
  readonly #file: FileHandle;
  #position: number;
  #gathering = Buffer.allocUnsafeSlow(BATCH_BYTES);
  #spare = Buffer.allocUnsafeSlow(BATCH_BYTES);
  #filled = 0;
  #writing: Promise<void> = Promise.resolve();

  /** @param position of the first byte that is written */
  constructor(file: FileHandle, position: number) {
    this.#file = file;
    this.#position = position;
  }

  /** Copies the chunk, which the caller may use again. @throws the error of an earlier write */
  async put(chunk: Uint8Array): Promise<void> {
    for (let taken = 0; taken < chunk.length; ) {
      const part = chunk.subarray(taken, taken + BATCH_BYTES - this.#filled);
      this.#gathering.set(part, this.#filled);
      this.#filled += part.length;
      taken += part.length;
      if (this.#filled === BATCH_BYTES) await this.#startWrite();
    }
  }

  /** Resolves when everything is written. Also after a failure of {@link put}: the file may be closed then. */
  async flush(): Promise<void> {
    await this.#startWrite();
    await this.#writing;
  }

  async #startWrite(): Promise<void> {
    await this.#writing;
    const bytes = this.#gathering.subarray(0, this.#filled);
    [this.#gathering, this.#spare] = [this.#spare, this.#gathering];
    this.#filled = 0;
    this.#writing = this.#write(bytes);
    this.#writing.catch(() => undefined); // the next await of it throws
  }

  async #write(bytes: Uint8Array): Promise<void> {
    for (let written = 0; written < bytes.length; ) {
      const { bytesWritten } = await this.#file.write(bytes, written, bytes.length - written, this.#position);
      written += bytesWritten;
      this.#position += bytesWritten;
    }
  }
}
