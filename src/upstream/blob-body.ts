import { pipeline, type Readable, Transform, type TransformCallback } from 'node:stream';

import type { CallScope } from './call-scope.ts';
import type { EndpointResponse } from './endpoint.ts';
import { networkFailure } from './network-failure.ts';
import { UpstreamError } from './upstream.ts';

export interface BlobBodyOptions {
  readonly upstream: string;
  readonly scope: CallScope;
  /** Bytes of the complete body; undefined when the upstream did not state it. */
  readonly expected: number | undefined;
  readonly onBytes: (bytes: number) => void;
}

/** Its body may be a stream over the received one, such as the decoded one. */
export type BlobResponse = Omit<EndpointResponse, 'body'> & { readonly body: Readable };

/** Bytes between two reports, so that metrics show a long download while it runs. */
const REPORT_EVERY = 8 * 1024 * 1024;

/**
 * The body of a blob response. It ends only when it is complete, and is destroyed with an {@link UpstreamError}, or with the
 * caller's reason, when it is not. Its first byte, or a failure before that, decides whether the exchange counts as a success of the host.
 * Closes the scope at its end.
 */
export function blobBody(response: BlobResponse, options: BlobBodyOptions): Readable {
  const counter = new ByteCounter(response, options);
  const body = new Transform({
    transform: (chunk: Buffer, _encoding, done) => counter.take(chunk, done),
    flush: (done) => counter.finish(done),
    destroy: (cause, done) => done(counter.close(cause)),
  });
  // The reader gets its failure through `body`.
  pipeline(response.body, body, () => undefined);
  return body;
}

class ByteCounter {
  readonly #response: BlobResponse;
  readonly #options: BlobBodyOptions;
  #received = 0;
  #reported = 0;

  constructor(response: BlobResponse, options: BlobBodyOptions) {
    this.#response = response;
    this.#options = options;
  }

  take(chunk: Buffer, done: TransformCallback): void {
    if (this.#received === 0) this.#response.permit.succeed();
    this.#received += chunk.length;
    if (this.#received - this.#reported >= REPORT_EVERY) this.#report();
    const { expected } = this.#options;
    if (expected !== undefined && this.#received > expected) done(this.#wrongLength('more'));
    else done(null, chunk);
  }

  finish(done: TransformCallback): void {
    const { expected } = this.#options;
    this.#response.permit.succeed();
    done(expected !== undefined && this.#received < expected ? this.#wrongLength('fewer') : null);
  }

  /** The error for the reader: why the upstream broke off, or the reason of the reader's signal. */
  close(cause: Error | null): Error | null {
    const { scope } = this.#options;
    this.#report();
    scope.close();
    const error = cause && this.#explain(cause, scope);
    if (error instanceof UpstreamError) this.#response.permit.fail(error.kind);
    this.#response.permit.release();
    return error;
  }

  #explain(cause: Error, { signal }: CallScope): Error {
    const { body, url } = this.#response;
    if (signal.aborted) return signal.reason as Error;
    return body.errored === cause ? networkFailure(this.#options.upstream, url.host, cause) : cause;
  }

  #report(): void {
    if (this.#received > this.#reported) this.#options.onBytes(this.#received - this.#reported);
    this.#reported = this.#received;
  }

  #wrongLength(word: 'more' | 'fewer'): UpstreamError {
    const { upstream, expected } = this.#options;
    const message = `${upstream}: ${this.#response.url.host} sent ${word} than the ${expected} bytes it announced`;
    return new UpstreamError(word === 'fewer' ? 'network' : 'protocol', message, { upstream });
  }
}
