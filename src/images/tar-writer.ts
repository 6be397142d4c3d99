import { randomUUID } from 'node:crypto';
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

import { FileAppender } from './file-appender.ts';
import { ImageError } from './image-error.ts';
import { isAbsent } from './layout-files.ts';
import { TAR_END_BYTES, tarHeader, tarPadding } from './tar-header.ts';

/** A new tar file, which is visible when it is complete. */
export class TarWriter {
  readonly #path: string;
  readonly #temporary: string;
  readonly #file: FileHandle;
  readonly #appender: FileAppender;
  #isOpen = true;

  private constructor(path: string, temporary: string, file: FileHandle) {
    this.#path = path;
    this.#temporary = temporary;
    this.#file = file;
    this.#appender = new FileAppender(file, 0);
  }

  /** @throws {ImageError} when the file exists: archives are not changed or overwritten */
  static async create(path: string): Promise<TarWriter> {
    if (await exists(path)) throw new ImageError(`${path}: already exists (remove it or choose another file)`);
    if (!(await exists(dirname(path)))) throw new ImageError(`${dirname(path)}: no such directory`);
    const temporary = join(dirname(path), `.${basename(path)}.${randomUUID()}`);
    return new TarWriter(path, temporary, await open(temporary, 'wx'));
  }

  /** @param chunks `size` bytes; each chunk is used only until the next one is requested */
  async add(path: string, size: number, chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void> {
    await this.#appender.put(tarHeader(path, size));
    for await (const chunk of chunks) await this.#appender.put(chunk);
    await this.#appender.put(Buffer.alloc(tarPadding(size)));
  }

  async commit(): Promise<void> {
    await this.#appender.put(Buffer.alloc(TAR_END_BYTES));
    await this.#appender.flush();
    await this.#file.sync();
    await this.#close();
    if (await exists(this.#path)) throw new ImageError(`${this.#path}: was created by another process in the meantime`);
    await rename(this.#temporary, this.#path);
  }

  /** Removes an incomplete file. Safe after {@link commit}. */
  async close(): Promise<void> {
    await this.#close();
    await rm(this.#temporary, { force: true });
  }

  async #close(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    // A write may be running.
    await this.#appender.flush().catch(() => undefined);
    await this.#file.close();
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (err: unknown) => {
      if (isAbsent(err)) return false;
      throw err;
    },
  );
}
