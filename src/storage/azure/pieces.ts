import { randomBytes } from 'node:crypto';

import type { ByteSource } from '../../stream/byte-source.ts';
import type { PartBuffers } from '../objects/part-buffers.ts';
import type { Piece, PieceObject } from '../objects/pieces.ts';
import type { PieceStore, PieceWriter } from '../objects/staged-pieces.ts';
import { blockId, BlockUpload, finishShared } from './block-upload.ts';
import type { AzureContainer } from './container.ts';
import { isConflict, toStorageError } from './errors.ts';
import type { ListedBlob } from './list-page.ts';
import type { UrlSigner } from './signer.ts';
import { createAzureSource } from './source.ts';

/** Copied with one request. Bytes. */
const MAX_COPIED = 64 * 1024 * 1024;

export interface AzurePiecesParts {
  readonly container: AzureContainer;
  readonly signer: UrlSigner;
  readonly blockBytes: number;
  readonly buffers: PartBuffers;
  /** @throws {InvalidPathError} */
  readonly keyOf: (path: string) => string;
}

/** Pieces of staged files in a container. */
export class AzurePieces implements PieceStore {
  readonly driver = 'azure';
  readonly #parts: AzurePiecesParts;

  constructor(parts: AzurePiecesParts) {
    this.#parts = parts;
  }

  keyOf(path: string): string {
    return this.#parts.keyOf(path);
  }

  async createEmpty(name: string): Promise<void> {
    await this.#parts.container.put(name, Buffer.alloc(0));
  }

  async list(prefix: string): Promise<readonly PieceObject[]> {
    const found: PieceObject[] = [];
    for await (const { blobs } of this.#parts.container.list(prefix)) found.push(...blobs.map(toPiece));
    return found;
  }

  async open({ name, generation }: Piece, path: string): Promise<ByteSource> {
    const { container } = this.#parts;
    const opened = await container.get(name, { etag: generation });
    return createAzureSource({ container, name, path, opened });
  }

  createWriter(name: string): PieceWriter {
    return new BlockWriter({ ...this.#parts, name });
  }

  /** Makes the target of ranges of the pieces; the bytes stay in the store. */
  async compose(pieces: readonly Piece[], { to }: { readonly to: string }): Promise<void> {
    const { container, signer } = this.#parts;
    const upload = randomBytes(8).toString('hex');
    const ids: string[] = [];
    let size = 0;
    for (const piece of pieces) {
      const source = await signer.source(container.urlOf(piece.name), piece.name);
      for (let start = 0; start < piece.size; start += MAX_COPIED) {
        const range = { start, end: Math.min(start + MAX_COPIED, piece.size) };
        const id = blockId(upload, ids.length);
        const headers = { ...source.headers, 'x-ms-source-if-match': piece.generation };
        await container.putBlockFrom(to, id, { url: source.url, headers, range });
        ids.push(id);
      }
      size += piece.size;
    }
    await finishShared(container, to, size, container.putBlockList(to, ids, { size }));
  }

  isConflict(err: unknown): boolean {
    return isConflict(err);
  }

  toStorageError(err: unknown, operation: string): Error {
    return toStorageError(err, operation);
  }
}

/** Sends a piece in blocks while its bytes arrive. */
class BlockWriter implements PieceWriter {
  readonly #blockBytes: number;
  readonly #upload: BlockUpload;
  #gathered: Uint8Array[] = [];
  #gatheredBytes = 0;

  constructor({ blockBytes, ...options }: AzurePiecesParts & { readonly name: string }) {
    this.#blockBytes = blockBytes;
    this.#upload = new BlockUpload(options);
  }

  async write(chunks: readonly Uint8Array[]): Promise<void> {
    for (const chunk of chunks) {
      this.#gathered.push(chunk);
      this.#gatheredBytes += chunk.length;
      if (this.#gatheredBytes >= this.#blockBytes) await this.#sendGathered();
    }
  }

  async finish(): Promise<PieceObject> {
    if (this.#gatheredBytes > 0) await this.#sendGathered();
    return toPiece(await this.#upload.finish({ ifAbsent: true }));
  }

  async abort(): Promise<void> {
    await this.#upload.abort();
  }

  async #sendGathered(): Promise<void> {
    const [chunks, length] = [this.#gathered, this.#gatheredBytes];
    this.#gathered = [];
    this.#gatheredBytes = 0;
    await this.#upload.add(length, (bytes) => {
      let filled = 0;
      for (const chunk of chunks) {
        bytes.set(chunk, filled);
        filled += chunk.length;
      }
    });
  }
}

function toPiece({ name, size, etag }: ListedBlob): PieceObject {
  return { name, size, generation: etag };
}
