import { setTimeout as delay } from 'node:timers/promises';

import { type Digest, type DigestAlgorithm, digestAlgorithm } from '../oci/digest.ts';
import { RegistryError } from '../oci/errors.ts';
import type { StorageDriver } from '../storage/driver.ts';
import { type StagedFile, StagedFileHeldError } from '../storage/staging.ts';
import { orUndefined } from './links.ts';
import { uploadDirectory } from './paths.ts';
import { receivePiece, type UploadPiece } from './receive-piece.ts';
import type { RunningHash } from './running-hash.ts';
import { digestOnRecord, UploadHashes } from './upload-hashes.ts';
import { formatUploadRecord, parseUploadRecord, type UploadRecord } from './upload-record.ts';

/** A session: who looks it up has checked that the id is one. */
export interface UploadKey {
  readonly repository: string;
  readonly id: string;
}

export interface StoredUpload {
  /** Bytes that are kept. */
  readonly size: number;
  readonly startedAt: Date;
  readonly algorithm: DigestAlgorithm;
}

/** Makes a staged file whose bytes have been verified a blob of the repository. */
export type CommitUpload = (repository: string, digest: Digest, staged: StagedFile) => Promise<void>;

/** Of a file at hand, so many are read again sooner than the record of them is written and read. */
const WORTH_A_RECORD_BYTES = 4 * 1024 * 1024;
const MAX_RECORD_BYTES = 4096;
const MAX_STARTED_AT_BYTES = 100;
/** Somebody who holds a session may be about to let go: a client that hung up is noticed a little later. Milliseconds. */
const PATIENCE_MS = 1_500;
const RETRY_MS = 25;

/**
 * Upload sessions, in distribution's layout: `_uploads/<id>/data` and `startedat`. Everything that is needed to go on is in storage, so any
 * process that shares it can; what one process has in memory besides only saves it reading.
 */
export class UploadStore {
  readonly #driver: StorageDriver;
  readonly #commit: CommitUpload;
  readonly #hashes = new UploadHashes();
  readonly #running = new Set<Promise<unknown>>();

  constructor(driver: StorageDriver, commit: CommitUpload) {
    this.#driver = driver;
    this.#commit = commit;
  }

  /** Bytes that every piece but the last should have; 0: any. */
  get minChunkBytes(): number {
    return this.#driver.staging.minChunkBytes;
  }

  /** @throws {StorageFullError} */
  async start(key: UploadKey, { startedAt, algorithm }: Omit<StoredUpload, 'size'>): Promise<void> {
    await this.#driver.staging.create(dataPath(key));
    // As distribution writes it: RFC 3339, in seconds.
    const text = startedAt.toISOString().replace(/\.\d+Z$/, 'Z');
    await this.#driver.writeSmall(startedAtPath(key), Buffer.from(text), { volatile: true });
    if (algorithm !== 'sha256') await this.#writeRecord(key, { algorithm });
  }

  /** Undefined when there is none, or no more. */
  async find(key: UploadKey): Promise<StoredUpload | undefined> {
    const [size, startedAt, record] = await Promise.all([
      orUndefined(this.#driver.staging.size(dataPath(key))),
      this.#findStartedAt(key),
      this.#findRecord(key),
    ]);
    return size === undefined ? undefined : { size, startedAt, algorithm: record?.algorithm ?? 'sha256' };
  }

  /**
   * Adds a piece. What came of it before the client went away is kept.
   *
   * @returns bytes kept
   * @throws {RegistryError} `BLOB_UPLOAD_UNKNOWN`; `RANGE_INVALID` when the piece does not come next, or somebody else is sending one;
   *   `SIZE_INVALID`; in all cases nothing of the piece is kept
   * @throws what the body failed with, and then what came of it is kept
   */
  append(key: UploadKey, piece: UploadPiece): Promise<number> {
    return this.#holding(key, async (staged) => {
      checkOrder(piece, staged);
      const live = this.#hashes.algorithmOf(keyText(key), staged);
      const record = live === undefined ? await this.#findRecord(key) : undefined;
      const algorithm = live ?? record?.algorithm ?? 'sha256';
      const options = { algorithm, record, isPortable: piece.isOneOfMany && this.#driver.staging.isRemote };
      const hash = await this.#hashes.take(keyText(key), staged, options);
      const interrupted = await receivePiece(piece, staged, hash);
      await this.#keep(key, staged, hash);
      if (interrupted) throw interrupted.reason;
      return staged.size;
    });
  }

  /**
   * Adds the last piece, and makes all of them a blob of the repository; the session is over.
   *
   * @returns bytes of the blob
   * @throws {RegistryError} as {@link append}; `DIGEST_INVALID` when these are not the bytes of the digest, and then nothing is left
   */
  finish(key: UploadKey, piece: UploadPiece, digest: Digest): Promise<number> {
    return this.#holding(key, async (staged) => {
      checkOrder(piece, staged);
      const actual = await this.#digestWithLast(key, piece, { staged, algorithm: digestAlgorithm(digest) });
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

  /** @throws {RegistryError} `BLOB_UPLOAD_UNKNOWN`; `RANGE_INVALID` while somebody is sending */
  cancel(key: UploadKey): Promise<void> {
    return this.#holding(key, (staged) => this.#remove(key, staged));
  }

  async #digestWithLast(
    key: UploadKey,
    piece: UploadPiece,
    { staged, algorithm }: { readonly staged: StagedFile; readonly algorithm: DigestAlgorithm },
  ): Promise<Digest> {
    const isLive = this.#hashes.algorithmOf(keyText(key), staged) === algorithm;
    const record = isLive ? undefined : await this.#findRecord(key);
    const known = digestOnRecord(staged, { algorithm, record });
    if (piece.length === 0 && known !== undefined) return known;
    const hash = await this.#hashes.take(keyText(key), staged, { algorithm, record, isPortable: false });
    const interrupted = await receivePiece(piece, staged, hash);
    if (!interrupted) return hash.digest();
    await this.#keep(key, staged, hash);
    throw interrupted.reason;
  }

  async #keep(key: UploadKey, staged: StagedFile, hash: RunningHash): Promise<void> {
    await staged.keep();
    const hashed = this.#hashes.keep(keyText(key), hash, staged);
    if (!this.#driver.staging.isRemote && staged.size < WORTH_A_RECORD_BYTES && hash.algorithm === 'sha256') return;
    // Only after the bytes are seen: a record of bytes that are not there is found out, one of other bytes is not.
    // Without it they are read again, which is no reason to refuse them.
    await this.#writeRecord(key, { algorithm: hash.algorithm, hashed }).catch(() => {});
  }

  async #remove(key: UploadKey, staged: StagedFile): Promise<void> {
    this.#hashes.forget(keyText(key));
    // Its name goes first, as long as it is ours: nobody can take hold of a session that is being removed.
    await this.#driver.delete(uploadDirectory(key.repository, key.id));
    await staged.release();
  }

  /** Resolves when nobody writes any more: pieces whose clients are gone are kept. */
  async settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled(this.#running);
  }

  async #holding<T>(key: UploadKey, work: (staged: StagedFile) => Promise<T>): Promise<T> {
    const running = this.#holdingAlone(key, work).finally(() => this.#running.delete(running));
    this.#running.add(running);
    return await running;
  }

  async #holdingAlone<T>(key: UploadKey, work: (staged: StagedFile) => Promise<T>): Promise<T> {
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
function checkOrder({ offset }: UploadPiece, { size }: StagedFile): void {
  if (offset === undefined || offset === size) return;
  throw new RegistryError('RANGE_INVALID', `the next byte is ${size}, not ${offset}`, { detail: { offset, size } });
}

function busy(): RegistryError {
  return new RegistryError('RANGE_INVALID', 'somebody else is sending a piece of this upload');
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

/** Not part of distribution's layout, which writes down Go's own form of a hash. */
function recordPath({ repository, id }: UploadKey): string {
  return `${uploadDirectory(repository, id)}/hashed`;
}

function keyText({ repository, id }: UploadKey): string {
  return `${repository}@${id}`;
}
