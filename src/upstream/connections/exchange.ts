import { errors } from 'undici';

import type { Connection } from './connection.ts';
import type { ConnectionPool } from './connection-pool.ts';
import { type RawResponse, StreamedBody } from './exchange-body.ts';
import { handOver } from './handed-over.ts';
import { ReceivedBody } from './received-body.ts';
import { type ParsedHead, parseHead, type ResponseHead } from './response-head.ts';

/** A `GET`. */
export interface BlobRequest {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly headersMs: number;
  readonly idleMs: number;
  /** Ends the request, or the body. */
  readonly signal: AbortSignal;
}

export interface ExchangeOptions {
  readonly request: BlobRequest;
  /** Acquired from the pool, and released when the response ends. */
  readonly connection: Connection;
  readonly pool: ConnectionPool;
  readonly maxHeaderBytes: number;
}

/** A kept connection ended before the first byte of a response. */
export class ClosedEarlyError extends Error {
  override readonly name = 'ClosedEarlyError';
}

/** A larger head is unusual. Not more than the spare memory of a connection. */
const HEAD_BYTES = 16 * 1024;
const CLOSED = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET']);

/** One request on one connection. */
export class Exchange {
  readonly #options: ExchangeOptions;
  #body: ReceivedBody | undefined;

  constructor(options: ExchangeOptions) {
    this.#options = options;
  }

  /** @throws {ClosedEarlyError}; the errors of undici and of the system; or the reason of the signal */
  async run(head: string): Promise<RawResponse> {
    const { request, connection } = this.#options;
    request.signal.addEventListener('abort', this.#abort, { once: true });
    const deadline = performance.now() + request.headersMs;
    try {
      request.signal.throwIfAborted();
      connection.send(head);
      const response = await this.#readHead();
      if (response) return this.#plain(response);
      return await this.#unusual(Math.max(deadline - performance.now(), 1));
    } catch (err) {
      this.#end(0);
      throw err;
    }
  }

  /** @returns undefined for an unusual one, of which no byte is read then */
  async #readHead(): Promise<ResponseHead | undefined> {
    const { connection, request } = this.#options;
    const { reader } = connection;
    const timer = setTimeout(() => reader.fail(new errors.HeadersTimeoutError()), request.headersMs);
    const bytes = Buffer.allocUnsafe(HEAD_BYTES);
    let length = 0;
    let head: ParsedHead = 'incomplete';
    try {
      while (head === 'incomplete' && length < bytes.length) {
        length += await this.#receive(bytes.subarray(length), length === 0);
        head = parseHead(bytes.subarray(0, length));
      }
    } finally {
      clearTimeout(timer);
    }
    if (head === 'malformed') throw new errors.HTTPParserError('Response does not match the HTTP/1.1 protocol');
    const plain = typeof head === 'object' ? head : undefined;
    reader.unread(bytes.subarray(plain?.headBytes ?? 0, length));
    return plain;
  }

  async #receive(into: Buffer, isFirst: boolean): Promise<number> {
    const { reader, isReused } = this.#options.connection;
    try {
      const length = await reader.read(into);
      if (length === 0) throw new errors.SocketError('other side closed');
      return length;
    } catch (err) {
      throw isReused && isFirst && CLOSED.has(codeOf(err)) ? new ClosedEarlyError() : err;
    }
  }

  #plain({ status, headers, length, keepAliveMs }: ResponseHead): RawResponse {
    const { request, connection } = this.#options;
    const onEnd = (isComplete: boolean) => this.#end(isComplete ? keepAliveMs : 0);
    const body = new ReceivedBody({ reader: connection.reader, length, idleMs: request.idleMs, onEnd });
    this.#body = body;
    return { status, headers, body };
  }

  async #unusual(headersMs: number): Promise<RawResponse> {
    const { request, connection, maxHeaderBytes } = this.#options;
    const { url, headers, idleMs, signal } = request;
    const path = url.pathname + url.search;
    const timeouts = { headersTimeout: Math.ceil(headersMs), bodyTimeout: idleMs };
    const response = await handOver(connection.reader, {
      origin: url.origin,
      request: { path, method: 'GET', headers, signal, ...timeouts },
      maxHeaderBytes,
      onEnd: () => this.#end(0),
    });
    return { status: response.statusCode, headers: response.headers, body: new StreamedBody(response.body) };
  }

  /** A body that is not read ends, too. */
  readonly #abort = () => {
    const { request, connection } = this.#options;
    connection.reader.fail(request.signal.reason as Error);
    this.#body?.close();
  };

  #end(keepAliveMs: number | undefined): void {
    const { request, connection, pool } = this.#options;
    request.signal.removeEventListener('abort', this.#abort);
    pool.release(connection, keepAliveMs);
  }
}

function codeOf(err: unknown): string {
  return err instanceof Error && 'code' in err ? String(err.code) : '';
}
