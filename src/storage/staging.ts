/**
 * Files that grow chunk by chunk before they become content. The chunks of one file may arrive over days, at different
 * processes.
 *
 * A staged file has at most one holder at a time, among all processes that share the storage, so chunks are never mixed. The
 * holder ends the hold with {@link StagedFile.keep}, {@link StagedFile.release} or {@link StagedFile.publish}; the hold of a
 * process that died ends too.
 */
export interface StagingArea {
  /** Minimum bytes of every chunk except the last. A smaller one is accepted, and makes publishing slower. 0: no minimum. */
  readonly minChunkBytes: number;

  /** Whether staged bytes are read over a network, so that reading them again is slow. */
  readonly isRemote: boolean;

  /**
   * Creates an empty file, which a power failure may undo.
   *
   * @param path its directory is for this file alone, and can be deleted with everything in it
   */
  create(path: string): Promise<void>;

  /** Bytes kept; for a held file also bytes written since, where the driver can know them. @throws {PathNotFoundError} */
  size(path: string): Promise<number>;

  /**
   * Opens a file for writing, as its only holder.
   *
   * @throws {PathNotFoundError}
   * @throws {StagedFileHeldError} when the file has another holder
   */
  hold(path: string): Promise<StagedFile>;
}

/** A staged file while it is held. */
export interface StagedFile {
  /** Bytes, including those written and not kept yet. */
  readonly size: number;

  /** Identifies the bytes that were last kept: equal texts always stand for equal bytes. */
  readonly version: string;

  /** Whether the file begins with the bytes of an earlier version. */
  startsWith(version: string): boolean;

  /** The kept bytes from position `start`, without those written since. A chunk is valid until the next one is requested. */
  read(start: number): AsyncIterable<Uint8Array>;

  /**
   * Appends chunks. The caller must not change them afterwards.
   *
   * @throws {StorageFullError}
   */
  write(chunks: readonly Uint8Array[]): Promise<void>;

  /**
   * Makes the written bytes durable and visible to all processes, under a new {@link version}. Ends the hold.
   *
   * @throws {StagedFileHeldError} when another process considered this holder dead; the written bytes are discarded then
   */
  keep(): Promise<void>;

  /** Discards the bytes written during this hold, or the file when bytes of it were lost, and ends the hold. Never fails. Has no effect after {@link keep} or {@link publish}. */
  release(): Promise<void>;

  /** Makes the whole file the content of `path`, atomically and durably, and ends the hold. When it rejects, the hold continues. */
  publish(path: string, options?: PublishOptions): Promise<void>;
}

/** Options of {@link StagedFile.publish}. */
export interface PublishOptions {
  /** The caller is a batch of the same driver, which makes the file's name durable. */
  readonly inBatch?: boolean;
}

/** Another request or process holds the staged file. */
export class StagedFileHeldError extends Error {
  override readonly name = 'StagedFileHeldError';

  constructor(path: string) {
    super(`${path} is being written by another request`);
  }
}
