import { rm, stat } from 'node:fs/promises';

import { BufferPool } from '../../stream/buffer-pool.ts';
import { type ByteSource, MemorySource } from '../../stream/byte-source.ts';
import {
  type Adoption,
  checkPath,
  checkPathBelowRoot,
  type FileInfo,
  FileTooLargeError,
  PathNotFoundError,
  type StorageDriver,
} from '../driver.ts';
import { PartBuffers } from '../objects/part-buffers.ts';
import { type BlobInfo, HOME, RadosBlobs } from './blobs.ts';
import { RadosConnection } from './connection.ts';
import { RadosDirectories } from './directories.ts';
import { FileUpload } from './file-upload.ts';
import { DIRECTORY, newBlobId } from './layout.ts';
import { OpenBlobs } from './open-blobs.ts';
import { type RadosOptions, withDefaults } from './options.ts';
import { RadosPool } from './pool.ts';
import { ifMissing, isCode, NAME, toStorageError, translated } from './rados-error.ts';
import { RadosSource } from './source.ts';
import { RadosStaging } from './staging.ts';

/** Files up to this size are read at once when they are opened. */
const SMALL_BYTES = 64 * 1024;

/** Options of {@link createRadosDriver}. */
export interface RadosDriverOptions extends RadosOptions {
  /** Memory for reads, which several users can share. @default a separate pool */
  readonly buffers?: BufferPool;
}

/**
 * A driver that stores files in a pool of a Ceph cluster, in the layout of distribution's former driver. It connects when it
 * is first used.
 */
export function createRadosDriver({ buffers = new BufferPool(), ...options }: RadosDriverOptions): StorageDriver {
  return new RadosDriver(options, buffers);
}

class RadosDriver implements StorageDriver {
  readonly name = NAME;
  readonly spoolDirectory = undefined;
  readonly staging: RadosStaging;
  readonly #connection: RadosConnection;
  readonly #pool: RadosPool;
  readonly #directories: RadosDirectories;
  readonly #blobs: RadosBlobs;
  readonly #buffers: BufferPool;
  readonly #partBuffers = new PartBuffers();
  readonly #open = new OpenBlobs();

  constructor(options: RadosOptions, buffers: BufferPool) {
    const settings = withDefaults(options);
    this.#connection = new RadosConnection(settings);
    this.#pool = new RadosPool(this.#connection);
    this.#directories = new RadosDirectories(this.#pool);
    this.#blobs = new RadosBlobs(this.#pool, settings.chunkBytes);
    this.#buffers = buffers;
    const [pool, directories, blobs] = [this.#pool, this.#directories, this.#blobs];
    this.staging = new RadosStaging({ pool, directories, blobs, buffers, link: (path, id) => this.#link(path, id) });
  }

  async stat(path: string): Promise<FileInfo> {
    checkPath(NAME, path);
    return await this.#reading('checking', path, async () => {
      const blob = await this.#withBlob(path, async (found) => found);
      if (blob) return { isDirectory: false, size: blob.size, modifiedAt: blob.modifiedAt };
      if ((await this.#directories.find(path)) !== DIRECTORY) throw new PathNotFoundError(NAME, path);
      const object = await this.#pool.stat(path).catch(ifMissing(undefined));
      return { isDirectory: true, size: 0, modifiedAt: object?.modifiedAt ?? new Date(0) };
    });
  }

  async open(path: string): Promise<ByteSource> {
    checkPath(NAME, path);
    const source = await this.#reading('opening', path, () =>
      this.#withBlob(path, async (blob) => {
        if (blob.size <= SMALL_BYTES) return new MemorySource(await this.#blobs.readWhole(blob));
        const onClose = this.#open.use(blob.id);
        return new RadosSource({ blobs: this.#blobs, blob, path, buffers: this.#buffers, onClose });
      }),
    );
    if (!source) throw new PathNotFoundError(NAME, path);
    return source;
  }

  async readSmall(path: string, maxBytes: number): Promise<Buffer> {
    checkPath(NAME, path);
    const bytes = await this.#reading('reading', path, () =>
      this.#withBlob(path, async (blob) => {
        if (blob.size > maxBytes) throw new FileTooLargeError(NAME, path, maxBytes);
        return await this.#blobs.readWhole(blob);
      }),
    );
    if (!bytes) throw new PathNotFoundError(NAME, path);
    return bytes;
  }

  async writeSmall(path: string, bytes: Uint8Array): Promise<void> {
    checkPathBelowRoot(NAME, path);
    await this.#writing('writing', path, async () => {
      const id = newBlobId();
      await this.#blobs.write(id, bytes);
      await this.#link(path, id);
    });
  }

  async adopt(localFile: string, path: string): Promise<void> {
    checkPathBelowRoot(NAME, path);
    const { size } = await stat(localFile);
    const adoption = this.startAdoption(localFile, path, { size });
    adoption.available(size);
    await adoption.finish();
  }

  startAdoption(localFile: string, path: string, { size }: { readonly size: number }): Adoption {
    checkPathBelowRoot(NAME, path);
    const id = newBlobId();
    const upload = new FileUpload({ blobs: this.#blobs, buffers: this.#partBuffers, id, localFile, size });
    return {
      available: (bytes) => upload.available(bytes),
      finish: async () => {
        await this.#writing('writing', path, async () => {
          await upload.finish();
          await this.#link(path, id);
        });
        await rm(localFile, { force: true });
      },
      abort: () => upload.abort(),
    };
  }

  async list(path: string): Promise<string[]> {
    checkPath(NAME, path);
    return await this.#reading('listing', path, async () => {
      const names: string[] = [];
      for await (const entries of this.#directories.pages(path)) names.push(...entries.map(([name]) => name));
      return names.sort();
    });
  }

  async *listAfter(path: string, after: string, { about }: { readonly about: number }): AsyncGenerator<string[]> {
    checkPath(NAME, path);
    const pages = this.#directories.pages(path, after, about);
    try {
      for await (const entries of pages) yield entries.map(([name]) => name).filter((name) => name > after);
    } catch (err) {
      if (err instanceof PathNotFoundError) return;
      throw toStorageError(err, { doing: 'listing', path, isWrite: false });
    }
  }

  async move(from: string, to: string): Promise<void> {
    for (const path of [from, to]) checkPathBelowRoot(NAME, path);
    await this.#writing('moving', from, async () => {
      const id = await this.#directories.find(from).catch(ifMissing(undefined));
      if (id === undefined || id === DIRECTORY) throw new PathNotFoundError(NAME, from);
      if (to === from) return;
      await this.#blobs.change(id, [{ do: 'set-attribute', name: HOME, value: Buffer.from(to) }]);
      await this.#link(to, id);
      await this.#directories.unlink(from, id);
    });
  }

  async delete(path: string): Promise<void> {
    checkPathBelowRoot(NAME, path);
    await this.#writing('deleting', path, async () => {
      const entry = await this.#directories.find(path).catch(ifMissing(undefined));
      if (entry === undefined) return;
      const removeFile = (file: string, id: string) => this.#removeFile(file, id);
      if (entry === DIRECTORY) await this.#directories.removeTree(path, removeFile);
      else await removeFile(path, entry);
    });
  }

  async deleteEmpty(path: string): Promise<boolean> {
    checkPathBelowRoot(NAME, path);
    return await this.#writing('deleting', path, async () => {
      const entry = await this.#directories.find(path).catch(ifMissing(undefined));
      if (entry === undefined) return true;
      return entry === DIRECTORY && (await this.#directories.removeEmpty(path));
    });
  }

  async redirectUrl(): Promise<undefined> {
    return undefined;
  }

  async close(): Promise<void> {
    await this.#open.close();
    await this.#connection.close();
  }

  /**
   * Runs `work` with the blob of a file, whose chunks this process keeps until the end of it.
   *
   * @returns undefined when the path has no file
   */
  async #withBlob<T>(path: string, work: (blob: BlobInfo) => Promise<T>): Promise<T | undefined> {
    let last: string | undefined;
    for (;;) {
      const id = await this.#directories.find(path);
      // The blob of a name that stays the same is missing: it was lost, or is not complete.
      if (id === undefined || id === DIRECTORY || id === last) return undefined;
      const end = this.#open.use(id);
      try {
        const blob = await this.#blobs.find(id);
        if (blob) return await work(blob);
      } catch (err) {
        // Another process has replaced the file meanwhile.
        if (!isCode(err, 'ENOENT')) throw err;
      } finally {
        end();
      }
      last = id;
    }
  }

  async #link(path: string, id: string): Promise<void> {
    const old = await this.#directories.link(path, id);
    if (old !== undefined) await this.#removeBlob(path, old);
  }

  async #removeFile(path: string, id: string): Promise<void> {
    if (await this.#directories.unlink(path, id)) await this.#removeBlob(path, id);
  }

  /** @param path that had the blob. One that was moved may be the content of another path. */
  async #removeBlob(path: string, id: string): Promise<void> {
    const home = await this.#blobs.text(id, HOME);
    if (home !== undefined && home !== path && (await this.#directories.find(home)) === id) return;
    await this.#open.whenUnused(id, () => this.#blobs.remove(id));
  }

  async #reading<T>(doing: string, path: string, work: () => Promise<T>): Promise<T> {
    return await translated({ doing, path, isWrite: false }, work());
  }

  async #writing<T>(doing: string, path: string, work: () => Promise<T>): Promise<T> {
    return await translated({ doing, path, isWrite: true }, work());
  }
}
