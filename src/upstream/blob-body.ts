import type { ByteReader } from '../stream/byte-reader.ts';
import type { CallScope } from './call-scope.ts';
import type { EndpointResponse } from './endpoint.ts';
import { networkFailure } from './network-failure.ts';
import { type BlobBody, UpstreamError } from './upstream.ts';

export interface BlobBodyOptions {
  readonly upstream: string;
  readonly scope: CallScope;
  /** Bytes of the complete body; undefined when the upstream did not state it. */
  readonly expected: number | undefined;
  readonly onBytes: (bytes: number) => void;
}

/** Its body may be other bytes than the received ones, such as the decoded ones. */
export type BlobResponse = Omit<EndpointResponse, 'body'> & { readonly body: ByteReader };

/** Bytes between two reports, so that metrics show a long download while it runs. */
const REPORT_EVERY = 8 * 1024 * 1024;

/**
 * The body of a blob response. Its first byte, or a failure before that, decides whether the exchange counts as a success of the host.
 * Closes the scope at its end.
 */
export function blobBody(response: BlobResponse, options: BlobBodyOptions): BlobBody {
  return new CheckedBody(response, options);
}

class CheckedBody implements BlobBody {
  readonly #response: BlobResponse;
  readonly #options: BlobBodyOptions;
  #received = 0;
  #reported = 0;
  #ended = false;

  constructor(response: BlobResponse, options: BlobBodyOptions) {
    this.#response = response;
    this.#options = options;
  }

  async read(into: Uint8Array): Promise<number> {
    try {
      const length = await this.#response.body.read(into);
      if (length === 0) this.#finish();
      else this.#take(length);
      return length;
    } catch (cause) {
      const error = this.#explain(cause);
      if (!this.#ended && error instanceof UpstreamError) this.#response.permit.fail(error.kind);
      this.close();
      throw error;
    }
  }

  close(): void {
    this.#response.body.close();
    this.#end();
  }

  #take(length: number): void {
    if (this.#received === 0) this.#response.permit.succeed();
    this.#received += length;
    if (this.#received - this.#reported >= REPORT_EVERY) this.#report();
    const { expected } = this.#options;
    if (expected !== undefined && this.#received > expected) throw this.#wrongLength('more');
  }

  #finish(): void {
    const { expected } = this.#options;
    if (!this.#ended) this.#response.permit.succeed();
    if (expected !== undefined && this.#received < expected) throw this.#wrongLength('fewer');
    this.#end();
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#report();
    this.#options.scope.close();
    this.#response.permit.release();
  }

  /** The error for the reader: why the upstream broke off, or the reason of the reader's signal. */
  #explain(cause: unknown): unknown {
    const { signal } = this.#options.scope;
    return signal.aborted ? signal.reason : networkFailure(this.#options.upstream, this.#response.url.host, cause);
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
