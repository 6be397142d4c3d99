/** An immutable file: a write replaces it, so readers that opened it before can continue. */
export class InmemoryFile {
  readonly size: number;
  readonly modifiedAt = new Date();
  #chunks: readonly Buffer[];

  constructor(chunks: readonly Buffer[]) {
    this.#chunks = chunks;
    this.size = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  }

  get chunks(): readonly Buffer[] {
    return this.#chunks;
  }

  /** The first call joins the chunks. */
  get bytes(): Buffer {
    if (this.#chunks.length !== 1) this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0] as Buffer;
  }
}
