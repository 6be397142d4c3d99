import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';

import { type ByteRange, type ByteSource, checkRange, type ReadOptions } from '../../stream/byte-source.ts';
import { PathNotFoundError } from '../driver.ts';
import type { S3Body, S3Bucket } from './bucket.ts';
import { isChanged, isNotFound, toStorageError } from './errors.ts';

/** Broken connections in a row without a byte in between. */
const MAX_BREAKS = 5;
/** Upper limit of the first delay after a broken connection; doubles with each. Milliseconds. */
const FIRST_WAIT_MS = 50;

export interface S3SourceOptions {
  readonly bucket: S3Bucket;
  readonly key: string;
  /** Used in errors. */
  readonly path: string;
  /** The whole object. The source closes its body. */
  readonly opened: S3Body;
}

/**
 * An object in the version that was opened. The request that opened it serves the first read from the start, which therefore
 * continues when the object is deleted. Other reads, and those after a broken connection, send a request for the same version.
 */
export class S3Source implements ByteSource {
  readonly #options: S3SourceOptions;
  readonly #live = new Set<Readable>();
  readonly #ended = new AbortController();
  #opening: Readable | undefined;

  constructor(options: S3SourceOptions) {
    this.#options = options;
    this.#opening = options.opened.body;
  }

  get size(): number {
    return this.#options.opened.size;
  }

  async *read(range: ByteRange, { signal }: ReadOptions = {}): AsyncGenerator<Uint8Array, void, void> {
    checkRange(range, this.size);
    this.#assertUsable(signal);
    let position = range.start;
    let breaks = 0;
    let body = this.#takeOpening(range);
    while (position < range.end) {
      try {
        body ??= await this.#request({ start: position, end: range.end }, signal);
        for await (const chunk of this.#chunks(body, range.end - position, signal)) {
          position += chunk.length;
          breaks = 0;
          yield chunk;
          this.#assertUsable(signal);
        }
        if (position < range.end) throw new Error(`${this.#options.path}: the body ended at ${position}`);
      } catch (err) {
        body?.destroy();
        body = undefined;
        this.#assertUsable(signal);
        if (isFinal(err) || ++breaks > MAX_BREAKS) throw toStorageError(err, `reading ${this.#options.path}`);
        await delay(FIRST_WAIT_MS * 2 ** breaks * Math.random());
      }
    }
  }

  async close(): Promise<void> {
    this.#ended.abort(new Error(`${this.#options.path} has been closed`));
    this.#opening?.destroy();
    for (const body of this.#live) body.destroy();
  }

  /** The first read uses the body of the request that opened the object, or discards it. */
  #takeOpening({ start }: ByteRange): Readable | undefined {
    const opening = this.#opening;
    this.#opening = undefined;
    if (start === 0) return opening;
    opening?.destroy();
    return undefined;
  }

  async #request(range: ByteRange, signal: AbortSignal | undefined): Promise<Readable> {
    const { bucket, key, path, opened } = this.#options;
    const ended = AbortSignal.any(signal ? [signal, this.#ended.signal] : [this.#ended.signal]);
    const { body, contentRange } = await bucket.get(key, { range, etag: opened.etag, signal: ended }).catch((err) => {
      throw isNotFound(err) || isChanged(err) ? new GoneError(path) : err;
    });
    const isRequestedRange = contentRange?.startsWith(`bytes ${range.start}-`) ?? range.start === 0;
    if (isRequestedRange) return body;
    body.destroy();
    throw new GoneError(path, `requested bytes from ${range.start}, got ${contentRange ?? 'all'}`);
  }

  /** At most `length` bytes. A body that ends there is read to its end, so that its connection can be reused. */
  async *#chunks(body: Readable, length: number, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
    const abort = () => body.destroy(signal?.reason as Error);
    signal?.addEventListener('abort', abort, { once: true });
    this.#live.add(body);
    let left = length;
    try {
      for await (const chunk of body as AsyncIterable<Uint8Array>) {
        const wanted = chunk.length > left ? chunk.subarray(0, left) : chunk;
        left -= wanted.length;
        if (wanted.length > 0) yield wanted;
        if (chunk.length > wanted.length) break;
      }
    } finally {
      this.#live.delete(body);
      signal?.removeEventListener('abort', abort);
    }
  }

  #assertUsable(signal: AbortSignal | undefined): void {
    signal?.throwIfAborted();
    this.#ended.signal.throwIfAborted();
  }
}

/** The version that was opened is no longer available. */
class GoneError extends Error {
  override readonly name = 'GoneError';

  constructor(path: string, reason = 'it was deleted or replaced') {
    super(`cannot continue to read ${path}: ${reason}`);
  }
}

function isFinal(err: unknown): boolean {
  const status = (err as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
  return err instanceof GoneError || err instanceof PathNotFoundError || (status !== undefined && status < 500);
}
