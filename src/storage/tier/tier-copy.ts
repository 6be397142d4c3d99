import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, rm } from 'node:fs/promises';

/** The digest of a copied blob. */
export interface TierKey {
  /** Such as `sha256`. */
  readonly algorithm: string;
  readonly hex: string;
}

interface TierCopyParts {
  readonly file: FileHandle;
  readonly path: string;
  readonly key: TierKey;
  readonly size: number;
  readonly keep: () => Promise<void>;
  readonly release: () => void;
}

/** A copy that is being written. The caller that started it calls {@link finish} or {@link discard}. */
export class TierCopy {
  readonly #parts: TierCopyParts;
  readonly #hash: Hash;
  #written = 0;
  #ended = false;

  constructor(parts: TierCopyParts) {
    this.#parts = parts;
    this.#hash = createHash(parts.key.algorithm);
  }

  async write(chunk: Uint8Array): Promise<void> {
    this.#hash.update(chunk);
    for (let offset = 0; offset < chunk.length; ) {
      const { bytesWritten } = await this.#parts.file.write(chunk, offset, chunk.length - offset);
      offset += bytesWritten;
    }
    this.#written += chunk.length;
  }

  /** Keeps the copy if its bytes match the digest, and discards it otherwise. */
  async finish(): Promise<void> {
    const { file, size, key, keep, release } = this.#parts;
    if (this.#written !== size || this.#hash.digest('hex') !== key.hex) return await this.discard();
    this.#ended = true;
    try {
      await file.sync();
      await file.close();
      await keep();
    } finally {
      release();
    }
  }

  async discard(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    const { file, path, release } = this.#parts;
    release();
    await file.close();
    await rm(path, { force: true });
  }
}
