import type { ByteRange, ByteSource, ReadOptions } from '../stream/byte-source.ts';
import { clientErrorOf } from './upstream-failure.ts';

/** Bytes that arrive from an upstream while they are read: failures of the upstream become errors for the client, not internal ones. */
export class UpstreamSource implements ByteSource {
  readonly size: number;
  readonly #source: ByteSource;
  readonly #upstream: string;

  constructor(source: ByteSource, upstream: string) {
    this.size = source.size;
    this.#source = source;
    this.#upstream = upstream;
  }

  async *read(range: ByteRange, options?: ReadOptions): AsyncGenerator<Uint8Array> {
    try {
      yield* this.#source.read(range, options);
    } catch (err) {
      throw clientErrorOf(err, this.#upstream, 'BLOB_UNKNOWN');
    }
  }

  close(): Promise<void> {
    return this.#source.close();
  }
}
