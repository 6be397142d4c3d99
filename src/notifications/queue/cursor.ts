import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

const DIGITS = 16;

/**
 * A number in a file: up to where everything is done. It is not synced: after a power cut some events are sent again, which
 * receivers have to expect anyway.
 */
export class Cursor {
  readonly #path: string;
  #file: FileHandle | undefined;
  #value = 0;
  #writing: Promise<void> | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /** @returns 0 when there is none, or it can not be read */
  async open(): Promise<number> {
    // Not for appending, which would ignore where it is written to.
    const file = await open(this.#path, constants.O_RDWR | constants.O_CREAT, 0o600);
    this.#file = file;
    const text = await file.readFile('utf8');
    this.#value = new RegExp(`^\\d{${DIGITS}}$`).test(text) ? Number(text) : 0;
    return this.#value;
  }

  /** Written soon; several moves may be one write. */
  move(value: number): void {
    this.#value = value;
    this.#writing ??= this.#write().finally(() => (this.#writing = undefined));
  }

  /** In a new file of the same name. */
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
      // A disk that takes nothing costs events sent twice, and nobody a push.
      await this.#file?.write(String(written).padStart(DIGITS, '0'), 0).catch(() => {});
    }
  }
}
