import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

const DIGITS = 16;

/**
 * A number in a file: all events up to it are done. It is not synced, so after a power failure some events are sent again, which receivers
 * must expect anyway.
 */
export class Cursor {
  readonly #path: string;
  #file: FileHandle | undefined;
  #value = 0;
  #writing: Promise<void> | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /** @returns 0 when there is no file, or no number in it */
  async open(): Promise<number> {
    // Append mode would ignore the position of writes.
    const file = await open(this.#path, constants.O_RDWR | constants.O_CREAT, 0o600);
    this.#file = file;
    const text = await file.readFile('utf8');
    this.#value = new RegExp(`^\\d{${DIGITS}}$`).test(text) ? Number(text) : 0;
    return this.#value;
  }

  /** Writes the number soon; several moves may share one write. */
  move(value: number): void {
    this.#value = value;
    this.#writing ??= this.#write().finally(() => (this.#writing = undefined));
  }

  /** Continues in a new file of the same name. */
  async reopen(): Promise<void> {
    await this.close();
    const value = this.#value;
    await this.open();
    this.move(value);
  }

  async close(): Promise<void> {
    await this.#writing;
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }

  async #write(): Promise<void> {
    for (let written = -1; written !== this.#value; ) {
      written = this.#value;
      // When the disk fails, events are sent twice, but pushes continue.
      await this.#file?.write(String(written).padStart(DIGITS, '0'), 0).catch(() => {});
    }
  }
}
