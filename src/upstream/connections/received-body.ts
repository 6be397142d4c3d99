import { Readable } from 'node:stream';
import { errors } from 'undici';

import { chunksOf } from '../../stream/byte-reader.ts';
import { type ExchangeBody, MAX_DRAINED_BYTES } from './exchange-body.ts';
import type { SocketReader } from './socket-reader.ts';

export interface ReceivedBodyOptions {
  readonly reader: SocketReader;
  /** Bytes. */
  readonly length: number;
  /** Milliseconds that a read waits for bytes. */
  readonly idleMs: number;
  /** Called once, at the end or when it is closed or fails. */
  readonly onEnd: (isComplete: boolean) => void;
}

const CHUNK_BYTES = 16 * 1024;

/** A body of known length, read from the connection as far as it goes. */
export class ReceivedBody implements ExchangeBody {
  readonly #options: ReceivedBodyOptions;
  #left: number;
  #idle: NodeJS.Timeout | undefined;
  #ended = false;

  constructor(options: ReceivedBodyOptions) {
    this.#options = options;
    this.#left = options.length;
    if (this.#left === 0) this.#end(true);
  }

  async read(into: Uint8Array): Promise<number> {
    if (this.#left === 0) return 0;
    const { reader } = this.#options;
    this.#watch();
    try {
      const onPart = () => this.#idle?.refresh();
      const length = await reader.read(into.subarray(0, this.#left), { due: this.#left, onPart });
      if (length === 0) throw new errors.SocketError('other side closed');
      this.#left -= length;
      if (this.#left === 0) this.#end(true);
      return length;
    } catch (err) {
      this.close();
      throw err;
    } finally {
      clearTimeout(this.#idle);
    }
  }

  close(): void {
    if (this.#ended) return;
    this.#options.reader.close();
    this.#end(false);
  }

  drain(): void {
    if (this.#left > MAX_DRAINED_BYTES) this.close();
    else void this.#discard().catch(() => undefined);
  }

  stream(): Readable {
    return Readable.from(this.#copies(), { objectMode: false });
  }

  async #discard(): Promise<void> {
    const chunks = chunksOf(this, Buffer.allocUnsafe(CHUNK_BYTES));
    while ((await chunks.next()).done !== true);
  }

  /** A stream reads ahead, so that chunks cannot share their memory. */
  async *#copies(): AsyncGenerator<Buffer> {
    for await (const chunk of chunksOf(this, Buffer.allocUnsafe(CHUNK_BYTES))) yield Buffer.from(chunk);
  }

  #watch(): void {
    const { reader, idleMs } = this.#options;
    this.#idle = setTimeout(() => reader.expire(new errors.BodyTimeoutError()), idleMs).unref();
  }

  #end(isComplete: boolean): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#options.onEnd(isComplete);
  }
}
