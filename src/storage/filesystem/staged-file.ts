import type { BigIntStats } from 'node:fs';
import { type FileHandle, rename, utimes } from 'node:fs/promises';
import { dirname } from 'node:path';

import { allDone, type DurableFiles } from './durable-files.ts';
import { errorCode, orStorageError } from './file-errors.ts';
import { type StagedFile, StagedFileHeldError } from '../staging.ts';

/** How often a holder shows that it is alive. Milliseconds. */
const HEARTBEAT_MS = 5_000;
/** Bytes read at once. */
const READ_BYTES = 1024 * 1024;
/** Bytes after which the disk is told to begin writing, so that the end is not a long wait. */
const SYNC_EVERY_BYTES = 32 * 1024 * 1024;

export interface FilesystemStagedFileOptions {
  readonly path: string;
  /** Where the file lies when nobody holds it. */
  readonly place: string;
  /** Where it lies meanwhile. */
  readonly held: string;
  /** What is in it now would survive a power cut. */
  readonly isSynced: boolean;
  readonly file: FileHandle;
  readonly local: (path: string) => string;
  readonly files: DurableFiles;
}

export class FilesystemStagedFile implements StagedFile {
  readonly #options: FilesystemStagedFileOptions;
  /** Of the file itself, whatever it is called. */
  readonly #identity: string;
  readonly #heart: NodeJS.Timeout;
  #kept: number;
  #size: number;
  #unsynced = 0;
  #isSynced: boolean;
  #syncing: Promise<void> = Promise.resolve();
  #syncError: Error | undefined;
  #isHeld = true;

  private constructor(options: FilesystemStagedFileOptions, { ino, birthtimeNs, size }: BigIntStats) {
    this.#options = options;
    this.#identity = `${ino}.${birthtimeNs}`;
    this.#kept = Number(size);
    this.#size = this.#kept;
    this.#isSynced = options.isSynced;
    const beat = () => {
      const now = new Date();
      utimes(options.held, now, now).catch(() => {}); // grows stale, which is the truth
    };
    this.#heart = setInterval(beat, HEARTBEAT_MS).unref();
  }

  static async start(options: FilesystemStagedFileOptions): Promise<FilesystemStagedFile> {
    try {
      return new FilesystemStagedFile(options, await options.file.stat({ bigint: true }));
    } catch (err) {
      await options.file.close();
      throw err;
    }
  }

  get size(): number {
    return this.#size;
  }

  get version(): string {
    return `${this.#identity}:${this.#kept}`;
  }

  startsWith(version: string): boolean {
    const [identity, size] = version.split(':');
    return identity === this.#identity && Number(size) <= this.#kept;
  }

  async *read(start: number): AsyncGenerator<Uint8Array> {
    const buffer = Buffer.allocUnsafeSlow(Math.max(1, Math.min(READ_BYTES, this.#kept - start)));
    for (let position = start; position < this.#kept; ) {
      const length = Math.min(buffer.length, this.#kept - position);
      const { bytesRead } = await this.#options.file.read(buffer, 0, length, position);
      if (bytesRead === 0) throw new Error(`${this.#options.path} ends at ${position}, before what was kept of it`);
      position += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  }

  async write(chunks: readonly Uint8Array[]): Promise<void> {
    const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    this.#isSynced = false;
    const { bytesWritten } = await orStorageError(this.#options.file.writev([...chunks], this.#size));
    if (bytesWritten < length) await this.#writeRest(Buffer.concat(chunks).subarray(bytesWritten), bytesWritten);
    this.#size += length;
    this.#unsynced += length;
    if (this.#unsynced >= SYNC_EVERY_BYTES) this.#startSync();
  }

  async keep(): Promise<void> {
    const { held, place, path } = this.#options;
    await this.#sync();
    await orStorageError(rename(held, place)).catch((err: unknown) => {
      throw errorCode(err) === 'ENOENT' ? new StagedFileHeldError(path) : err;
    });
    this.#kept = this.#size;
    await this.#letGo();
  }

  async release(): Promise<void> {
    if (!this.#isHeld) return;
    const { file, held, place } = this.#options;
    try {
      if (this.#size > this.#kept) await file.truncate(this.#kept);
      await rename(held, place);
    } catch {
      // Taken over, deleted, or to be taken over when this process is gone.
    }
    await this.#letGo();
  }

  async publish(path: string): Promise<void> {
    const { files, held, local } = this.#options;
    const target = local(path);
    await allDone([this.#sync(), orStorageError(files.makeDirectory(dirname(target)))]);
    await files.move(held, target);
    await this.#letGo();
  }

  async #writeRest(rest: Buffer, written: number): Promise<void> {
    for (let offset = 0; offset < rest.length; ) {
      const position = this.#size + written + offset;
      const writing = this.#options.file.write(rest, offset, rest.length - offset, position);
      offset += (await orStorageError(writing)).bytesWritten;
    }
  }

  #startSync(): void {
    this.#unsynced = 0;
    // The system tells of bytes that could not be written once, and not again at the end.
    const failed = (err: unknown) => {
      this.#syncError ??= err instanceof Error ? err : new Error(String(err));
    };
    this.#syncing = this.#syncing.then(() => this.#options.file.datasync()).catch(failed);
  }

  async #sync(): Promise<void> {
    if (this.#isSynced) return;
    await this.#syncing;
    if (this.#syncError) await orStorageError(Promise.reject(this.#syncError));
    await orStorageError(this.#options.file.sync());
    this.#isSynced = true;
  }

  async #letGo(): Promise<void> {
    this.#isHeld = false;
    clearInterval(this.#heart);
    await this.#syncing;
    await this.#options.file.close();
  }
}
