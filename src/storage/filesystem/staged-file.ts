import type { BigIntStats } from 'node:fs';
import { type FileHandle, rename, rm, utimes } from 'node:fs/promises';
import { dirname } from 'node:path';

import { currentBoot } from '../../locks/process-identity.ts';
import { waitForAll } from './directory-syncs.ts';
import type { DurableFiles } from './durable-files.ts';
import { errorCode, withStorageErrors } from './file-errors.ts';
import { type PublishOptions, type StagedFile, StagedFileHeldError } from '../staging.ts';

/** Interval between two heartbeats of a holder. Milliseconds. */
const HEARTBEAT_MS = 5_000;
/** Bytes per read. */
const READ_BYTES = 1024 * 1024;
/** Bytes between two syncs in the background, so that the last sync does not take long. */
const SYNC_EVERY_BYTES = 32 * 1024 * 1024;
/** Without its version in memory, a file is synced again. */
const MAX_REMEMBERED = 10_000;

export interface FilesystemStagedFileOptions {
  readonly path: string;
  /** Local path of the file while it is not held. */
  readonly place: string;
  /** Local path of the file while it is held. */
  readonly held: string;
  /** False: only a file that replaces another is synced. */
  readonly isDurable: boolean;
  /** Versions that this process has synced and kept. */
  readonly synced: Set<string>;
  readonly file: FileHandle;
  readonly local: (path: string) => string;
  readonly files: DurableFiles;
}

/** A held file in {@link FilesystemStaging}. */
export class FilesystemStagedFile implements StagedFile {
  readonly #options: FilesystemStagedFileOptions;
  /** Identity of the file, independent of its name; without syncs, only until the machine restarts. */
  readonly #identity: string;
  readonly #heartbeat: NodeJS.Timeout;
  #kept: number;
  #size: number;
  #unsynced = 0;
  /** Bytes that another process has kept may not be synced: it may have another configuration. */
  #isSynced: boolean;
  #syncing: Promise<void> = Promise.resolve();
  #syncError: Error | undefined;
  #isHeld = true;

  private constructor(options: FilesystemStagedFileOptions, { ino, birthtimeNs, size }: BigIntStats) {
    this.#options = options;
    this.#identity = `${ino}.${birthtimeNs}${options.isDurable ? '' : `.${currentBoot()}`}`;
    this.#kept = Number(size);
    this.#size = this.#kept;
    this.#isSynced = options.synced.delete(this.version);
    const beat = () => {
      const now = new Date();
      utimes(options.held, now, now).catch(() => {}); // the file is lost, and its holder becomes stale
    };
    this.#heartbeat = setInterval(beat, HEARTBEAT_MS).unref();
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
      if (bytesRead === 0) throw new Error(`${this.#options.path} ends at ${position} of ${this.#kept} bytes`);
      position += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  }

  async write(chunks: readonly Uint8Array[]): Promise<void> {
    const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    this.#isSynced = false;
    const { bytesWritten } = await withStorageErrors(this.#options.file.writev([...chunks], this.#size));
    if (bytesWritten < length) await this.#writeRest(Buffer.concat(chunks).subarray(bytesWritten), bytesWritten);
    this.#size += length;
    this.#unsynced += length;
    if (this.#options.isDurable && this.#unsynced >= SYNC_EVERY_BYTES) this.#startSync();
  }

  async keep(): Promise<void> {
    const { held, place, path, isDurable, synced } = this.#options;
    if (isDurable) await this.#sync();
    await withStorageErrors(rename(held, place)).catch((err: unknown) => {
      throw errorCode(err) === 'ENOENT' ? new StagedFileHeldError(path) : err;
    });
    this.#kept = this.#size;
    if (synced.size >= MAX_REMEMBERED) synced.clear();
    if (isDurable) synced.add(this.version);
    await this.#close();
  }

  async release(): Promise<void> {
    if (!this.#isHeld) return;
    const { file, held, place } = this.#options;
    await this.#syncing;
    try {
      if (this.#syncError) await rm(held, { force: true });
      if (this.#size > this.#kept) await file.truncate(this.#kept);
      await rename(held, place);
    } catch {
      // Another process has taken the file over, or deleted it, or can take it over later.
    }
    await this.#close();
  }

  async publish(path: string, { inBatch = false }: PublishOptions = {}): Promise<void> {
    const { files, held, local, isDurable } = this.#options;
    const target = local(path);
    // A power failure must not leave damaged bytes in the place of good ones.
    const isSynced = isDurable || (await files.isThere(target));
    await waitForAll([
      isSynced ? this.#sync() : Promise.resolve(),
      withStorageErrors(files.makeDirectory(dirname(target))),
    ]);
    await files.move(held, target);
    await this.#close();
    if (isDurable && !inBatch) await files.settle([target]);
  }

  async #writeRest(rest: Buffer, written: number): Promise<void> {
    for (let offset = 0; offset < rest.length; ) {
      const position = this.#size + written + offset;
      const writing = this.#options.file.write(rest, offset, rest.length - offset, position);
      offset += (await withStorageErrors(writing)).bytesWritten;
    }
  }

  #startSync(): void {
    this.#unsynced = 0;
    this.#syncing = this.#syncing.then(() => this.#options.file.datasync()).catch((err: unknown) => this.#failed(err));
  }

  /** The system reports bytes that it could not write only once: the next sync succeeds without them. */
  #failed(err: unknown): void {
    this.#syncError ??= err instanceof Error ? err : new Error(String(err));
  }

  async #sync(): Promise<void> {
    if (this.#isSynced) return;
    await this.#syncing;
    if (!this.#syncError) await this.#options.file.sync().catch((err: unknown) => this.#failed(err));
    if (this.#syncError) await withStorageErrors(Promise.reject(this.#syncError));
    this.#isSynced = true;
  }

  async #close(): Promise<void> {
    this.#isHeld = false;
    clearInterval(this.#heartbeat);
    await this.#syncing;
    await this.#options.file.close();
  }
}
