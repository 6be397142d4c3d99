/**
 * Files that grow in pieces, sent over days and to whichever process, before they become content.
 *
 * A staged file is held by one at a time, in all processes that share the storage: pieces are never mixed. Whoever
 * holds it ends that with {@link StagedFile.keep}, {@link StagedFile.release} or {@link StagedFile.publish}; a holder that died loses it.
 */
export interface StagingArea {
  /** Bytes that every piece but the last should have: a smaller one is taken, and costs more when the file is published. 0: any. */
  readonly minChunkBytes: number;

  /** To read again what was written takes long: it goes over a network. */
  readonly isRemote: boolean;

  /** An empty file, which a power cut may undo. Its directory is its own, and can be deleted with all in it. */
  create(path: string): Promise<void>;

  /** Bytes kept; of a file that is held, those that have arrived so far, if that can be known. @throws {PathNotFoundError} */
  size(path: string): Promise<number>;

  /**
   * @throws {PathNotFoundError}
   * @throws {StagedFileHeldError} when somebody else holds it
   */
  hold(path: string): Promise<StagedFile>;
}

/** A staged file while it is held. */
export interface StagedFile {
  /** Bytes, written ones included. */
  readonly size: number;

  /** Stands for exactly the bytes that were kept last; the same text never means other bytes. */
  readonly version: string;

  /** Whether the bytes that an earlier version stood for are the first of these. */
  startsWith(version: string): boolean;

  /** The bytes kept, from `start` on; not those written since. A chunk is valid until the next one is asked for. */
  read(start: number): AsyncIterable<Uint8Array>;

  /**
   * Appends. The chunks are the file's from then on.
   *
   * @throws {StorageFullError}
   */
  write(chunks: readonly Uint8Array[]): Promise<void>;

  /**
   * What was written survives a power cut and is seen by everybody, under a new {@link version}; lets go.
   *
   * @throws {StagedFileHeldError} when somebody took this holder for dead: then nothing of what was written is kept
   */
  keep(): Promise<void>;

  /** Forgets what was written since it is held; lets go. Never fails. Does nothing after {@link keep} or {@link publish}. */
  release(): Promise<void>;

  /** Makes all of it the content of `path`, as one step, durably; lets go. When it rejects, the file is still held. */
  publish(path: string): Promise<void>;
}

/** Somebody else is writing to the staged file. */
export class StagedFileHeldError extends Error {
  override readonly name = 'StagedFileHeldError';

  constructor(path: string) {
    super(`${path} is being written by somebody else`);
  }
}
