import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';

import { type ByteRange, type ByteSource, checkRange, type ReadOptions } from '../../stream/byte-source.ts';

/** Broken connections in a row without a byte in between. */
const MAX_BREAKS = 5;
/** Upper limit of the first delay after a broken connection; doubles with each. Milliseconds. */
const FIRST_WAIT_MS = 50;

/** One version of an object, as it was opened. */
export interface ObjectVersion {
  /** Used in errors. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** The whole object. The source closes it. */
  readonly body: Readable;

  /** Requests a range of this version. @throws {VersionGoneError} */
  request(range: ByteRange, signal: AbortSignal): Promise<Readable>;

  /** Whether a repeated request would fail with the same error. */
  isFinal(err: unknown): boolean;

  /** @param operation such as `reading /docker/registry/…` */
  toStorageError(err: unknown, operation: string): Error;
}

/**
 * An object in the version that was opened. The request that opened it serves the first read from the start, which therefore
 * continues when the object is deleted. Other reads, and those after a broken connection, send a request for the same version.
 */
export class ObjectSource implements ByteSource {
  readonly #version: ObjectVersion;
  readonly #live = new Set<Readable>();
  readonly #ended = new AbortController();
  #opening: Readable | undefined;

  constructor(version: ObjectVersion) {
    this.#version = version;
    this.#opening = version.body;
  }

  get size(): number {
    return this.#version.size;
  }

  async *read(range: ByteRange, { signal }: ReadOptions = {}): AsyncGenerator<Uint8Array, void, void> {
    const { path } = this.#version;
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
        if (position < range.end) throw new Error(`${path}: the body ended at ${position}`);
      } catch (err) {
        body?.destroy();
        body = undefined;
        this.#assertUsable(signal);
        if (this.#isFinal(err) || ++breaks > MAX_BREAKS) throw this.#version.toStorageError(err, `reading ${path}`);
        await delay(FIRST_WAIT_MS * 2 ** breaks * Math.random());
      }
    }
  }

  async close(): Promise<void> {
    this.#ended.abort(new Error(`${this.#version.path} has been closed`));
    this.#opening?.destroy();
    for (const body of this.#live) body.destroy();
  }

  /** The first read uses the body of the request that opened the object, or discards it. */
  #takeOpening({ start, end }: ByteRange): Readable | undefined {
    const opening = this.#opening;
    this.#opening = undefined;
    if (start === 0 && end > 0) return opening;
    // The body of an empty object has ended, and its connection can be reused.
    if (this.size > 0) opening?.destroy();
    return undefined;
  }

  async #request(range: ByteRange, signal: AbortSignal | undefined): Promise<Readable> {
    const ended = AbortSignal.any(signal ? [signal, this.#ended.signal] : [this.#ended.signal]);
    return await this.#version.request(range, ended);
  }

  #isFinal(err: unknown): boolean {
    return err instanceof VersionGoneError || this.#version.isFinal(err);
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
export class VersionGoneError extends Error {
  override readonly name = 'VersionGoneError';

  constructor(path: string, reason = 'it was deleted or replaced') {
    super(`cannot continue to read ${path}: ${reason}`);
  }
}

/** Checks that a response has the range that was requested. @param contentRange header; absent for the whole object */
export function checkContentRange(path: string, { start }: ByteRange, contentRange: string | undefined): void {
  if (contentRange?.startsWith(`bytes ${start}-`) ?? start === 0) return;
  throw new VersionGoneError(path, `requested bytes from ${start}, got ${contentRange ?? 'all'}`);
}
