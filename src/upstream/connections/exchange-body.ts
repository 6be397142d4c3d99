import type { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';

import { type ByteReader, ChunkReader } from '../../stream/byte-reader.ts';

export type ResponseHeaders = Dispatcher.ResponseData['headers'];

export interface RawResponse {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: ResponseHeaders;
  readonly body: ExchangeBody;
}

/** The body of any response. It is read to its end, closed or drained. */
export interface ExchangeBody extends ByteReader {
  /** Discards a body that is not used, so that its connection can be used again. Its failure has no consequences. */
  drain(): void;
  /** The bytes as a stream, instead of reads. */
  stream(): Readable;
}

/** Bytes of a body that are read only to use its connection again. */
export const MAX_DRAINED_BYTES = 64 * 1024;

type Dumpable = Readable & { dump(options: { readonly limit: number }): Promise<unknown> };

/** A body received by undici. */
export class StreamedBody implements ExchangeBody {
  readonly #stream: Dumpable;
  #reader: ChunkReader | undefined;

  constructor(stream: Dumpable) {
    this.#stream = stream;
  }

  read(into: Uint8Array): Promise<number> {
    return this.#chunks().read(into);
  }

  close(): void {
    this.#chunks().close();
  }

  drain(): void {
    this.#stream.dump({ limit: MAX_DRAINED_BYTES }).catch(() => undefined);
  }

  stream(): Readable {
    return this.#stream;
  }

  #chunks(): ChunkReader {
    this.#reader ??= ChunkReader.of(this.#stream);
    return this.#reader;
  }
}
