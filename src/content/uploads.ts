import { setTimeout as delay } from 'node:timers/promises';

import { type Digest, type DigestAlgorithm, digestAlgorithm } from '../oci/digest.ts';
import { RegistryError } from '../oci/errors.ts';
import type { StorageDriver } from '../storage/driver.ts';
import { type StagedFile, StagedFileHeldError } from '../storage/staging.ts';
import { orUndefined } from './links.ts';
import { uploadDirectory } from './paths.ts';
import { receiveChunk, type UploadChunk } from './receive-chunk.ts';
import type { RunningHash } from './running-hash.ts';
import { digestOnRecord, UploadHashes } from './upload-hashes.ts';
import type { UploadNotes } from './upload-notes.ts';
import { formatUploadRecord, parseUploadRecord, type UploadRecord } from './upload-record.ts';

/** An upload session. The caller has checked the form of the id. */
export interface UploadKey {
  readonly repository: string;
  readonly id: string;
}

export interface StoredUpload {
  /** Bytes received and kept. */
  readonly size: number;
  readonly startedAt: Date;
  readonly algorithm: DigestAlgorithm;
}

/** Makes a staged file whose bytes have been verified a blob of the repository. */
export type CommitUpload = (repository: string, digest: Digest, staged: StagedFile) => Promise<void>;

/** Up to this size, reading local bytes again is faster than writing and reading a record of their hash. */
const WORTH_A_RECORD_BYTES = 4 * 1024 * 1024;
const MAX_RECORD_BYTES = 4096;
const MAX_STARTED_AT_BYTES = 100;
/** How long to wait for a session that is in use: a client that disconnected is noticed a little later. Milliseconds. */
const PATIENCE_MS = 1_500;
const RETRY_MS = 25;

/**
 * Upload sessions, in distribution's layout: `_uploads/<id>/data` and `startedat`. Storage has everything that a session needs to continue, so
 * any process that shares it can continue it; what one process has in memory only saves reading.
 */
export class UploadStore {
  readonly #driver: StorageDriver;
  readonly #commit: CommitUpload;
  readonly #hashes = new UploadHashes();
  readonly #running = new Set<Promise<unknown>>();
  readonly #notes: UploadNotes | undefined;

  /** @param notes of sessions that {@link removeAbandoned} may remove. Absent for those of clients, who may continue them */
  constructor(driver: StorageDriver, commit: CommitUpload, notes?: UploadNotes) {
    this.#driver = driver;
    this.#commit = commit;
    this.#notes = notes;
  }

  /** Minimum bytes of every chunk but the last; 0 when any size is allowed. */
  get minChunkBytes(): number {
    return this.#driver.staging.minChunkBytes;
  }

  /** @throws {StorageFullError} */
  async start(key: UploadKey, { startedAt, algorithm }: Omit<StoredUpload, 'size'>): Promise<void> {
    await this.#notes?.note(key);
    await this.#driver.staging.create(dataPath(key));
    // RFC 3339 in seconds, like distribution.
    const text = startedAt.toISOString().replace(/\.\d+Z$/, 'Z');
    await this.#driver.writeSmall(startedAtPath(key), Buffer.from(text), { volatile: true });
    if (algorithm !== 'sha256') await this.#writeRecord(key, { algorithm });
  }

  /** Undefined when there is no such session. */
  async find(key: UploadKey): Promise<StoredUpload | undefined> {
    const [size, startedAt, record] = await Promise.all([
      orUndefined(this.#driver.staging.size(dataPath(key))),
      this.#findStartedAt(key),
      this.#findRecord(key),
    ]);
    return size === undefined ? undefined : { size, startedAt, algorithm: record?.algorithm ?? 'sha256' };
  }

  /**
   * Adds a chunk. Bytes that arrived before the client disconnected are kept.
   *
   * @returns bytes kept
   * @throws {RegistryError} `BLOB_UPLOAD_UNKNOWN`; `RANGE_INVALID` when the chunk does not come next, or another request is sending one;
   *   `SIZE_INVALID`; in all cases nothing of the chunk is kept
   * @throws the error of the body, and then the bytes before it are kept
   */
  append(key: UploadKey, chunk: UploadChunk): Promise<number> {
    return this.#withHeld(key, async (staged) => {
      checkOrder(chunk, staged);
      const live = this.#hashes.algorithmOf(keyText(key), staged);
      const record = live === undefined ? await this.#findRecord(key) : undefined;
      const algorithm = live ?? record?.algorithm ?? 'sha256';
      const options = { algorithm, record, isPortable: chunk.isOneOfMany && this.#driver.staging.isRemote };
      const hash = await this.#hashes.take(keyText(key), staged, options);
      const interrupted = await receiveChunk(chunk, staged, hash);
      await this.#keep(key, staged, hash);
      if (interrupted) throw interrupted.reason;
      return staged.size;
    });
  }

  /**
   * Adds the last chunk, makes a blob of all of them, and ends the session.
   *
   * @returns size of the blob in bytes
   * @throws {RegistryError} as {@link append}; `DIGEST_INVALID` when the bytes do not match the digest, and then the session is removed
   */
  finish(key: UploadKey, chunk: UploadChunk, digest: Digest): Promise<number> {
    return this.#withHeld(key, async (staged) => {
      checkOrder(chunk, staged);
      const actual = await this.#digestWithLast(key, chunk, { staged, algorithm: digestAlgorithm(digest) });
      if (actual !== digest) {
        await this.#remove(key, staged);
        throw new RegistryError('DIGEST_INVALID', 'provided digest did not match uploaded content', {
          detail: { digest, actual },
        });
      }
      const { size } = staged;
      await this.#commit(key.repository, digest, staged);
      await this.#remove(key, staged);
      return size;
    });
  }

  /** @throws {RegistryError} `BLOB_UPLOAD_UNKNOWN`; `RANGE_INVALID` while a request is sending a chunk */
  cancel(key: UploadKey): Promise<void> {
    return this.#withHeld(key, (staged) => this.#remove(key, staged));
  }

  async #digestWithLast(
    key: UploadKey,
    chunk: UploadChunk,
    { staged, algorithm }: { readonly staged: StagedFile; readonly algorithm: DigestAlgorithm },
  ): Promise<Digest> {
    const isLive = this.#hashes.algorithmOf(keyText(key), staged) === algorithm;
    const record = isLive ? undefined : await this.#findRecord(key);
    const known = digestOnRecord(staged, { algorithm, record });
    if (chunk.length === 0 && known !== undefined) return known;
    const hash = await this.#hashes.take(keyText(key), staged, { algorithm, record, isPortable: false });
    const interrupted = await receiveChunk(chunk, staged, hash);
    if (!interrupted) return hash.digest();
    await this.#keep(key, staged, hash);
    throw interrupted.reason;
  }

  async #keep(key: UploadKey, staged: StagedFile, hash: RunningHash): Promise<void> {
    await staged.keep();
    const hashed = this.#hashes.keep(keyText(key), hash, staged);
    if (!this.#driver.staging.isRemote && staged.size < WORTH_A_RECORD_BYTES && hash.algorithm === 'sha256') return;
    // After the bytes are kept: a record of missing bytes is detected, a record of other bytes is not.
    // Without a record the bytes are read again, so a failure to write it does not fail the chunk.
    await this.#writeRecord(key, { algorithm: hash.algorithm, hashed }).catch(() => {});
  }

  async #remove(key: UploadKey, staged: StagedFile): Promise<void> {
    this.#hashes.forget(keyText(key));
    // Delete before releasing: no other process can take a session that is being removed.
    await this.#driver.delete(uploadDirectory(key.repository, key.id));
    await staged.release();
    await this.#notes?.forget(key);
  }

  /** Removes sessions that no process is using. Call it before the first session of this process. */
  async removeAbandoned(): Promise<void> {
    for await (const key of this.#notes?.all() ?? []) {
      try {
        await this.cancel(key);
      } catch (err) {
        if (!(err instanceof RegistryError)) throw err;
        if (err.code === 'BLOB_UPLOAD_UNKNOWN') await this.#notes?.forget(key);
      }
    }
  }

  /** Resolves when nothing is being written any more: chunks of disconnected clients are kept. */
  async settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled(this.#running);
  }

  async #withHeld<T>(key: UploadKey, work: (staged: StagedFile) => Promise<T>): Promise<T> {
    const running = this.#holdExclusively(key, work).finally(() => this.#running.delete(running));
    this.#running.add(running);
    return await running;
  }

  async #holdExclusively<T>(key: UploadKey, work: (staged: StagedFile) => Promise<T>): Promise<T> {
    const staged = await this.#hold(key);
    try {
      return await work(staged);
    } catch (err) {
      throw err instanceof StagedFileHeldError ? busy() : err;
    } finally {
      await staged.release();
    }
  }

  async #hold(key: UploadKey): Promise<StagedFile> {
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
      try {
        const staged = await orUndefined(this.#driver.staging.hold(dataPath(key)));
        if (staged) return staged;
        throw unknownUpload();
      } catch (err) {
        if (!(err instanceof StagedFileHeldError)) throw err;
        if (Date.now() > deadline) throw busy();
        await delay(RETRY_MS);
      }
    }
  }

  async #findStartedAt(key: UploadKey): Promise<Date> {
    const bytes = await orUndefined(this.#driver.readSmall(startedAtPath(key), MAX_STARTED_AT_BYTES));
    return new Date(bytes?.toString() ?? 0);
  }

  async #findRecord(key: UploadKey): Promise<UploadRecord | undefined> {
    const bytes = await orUndefined(this.#driver.readSmall(recordPath(key), MAX_RECORD_BYTES));
    return bytes && parseUploadRecord(bytes);
  }

  async #writeRecord(key: UploadKey, record: UploadRecord): Promise<void> {
    await this.#driver.writeSmall(recordPath(key), formatUploadRecord(record), { volatile: true });
  }
}

/** @throws {RegistryError} `RANGE_INVALID` */
function checkOrder({ offset }: UploadChunk, { size }: StagedFile): void {
  if (offset === undefined || offset === size) return;
  throw new RegistryError('RANGE_INVALID', `the next byte is ${size}, not ${offset}`, { detail: { offset, size } });
}

function busy(): RegistryError {
  return new RegistryError('RANGE_INVALID', 'another request is sending a chunk of this upload');
}

function unknownUpload(): RegistryError {
  return new RegistryError('BLOB_UPLOAD_UNKNOWN', 'blob upload unknown to registry');
}

function dataPath({ repository, id }: UploadKey): string {
  return `${uploadDirectory(repository, id)}/data`;
}

function startedAtPath({ repository, id }: UploadKey): string {
  return `${uploadDirectory(repository, id)}/startedat`;
}

/** Not part of distribution's layout, which saves hashes in Go's form. */
function recordPath({ repository, id }: UploadKey): string {
  return `${uploadDirectory(repository, id)}/hashed`;
}

function keyText({ repository, id }: UploadKey): string {
  return `${repository}@${id}`;
}
