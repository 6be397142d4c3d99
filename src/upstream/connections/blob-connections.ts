import { validateHeaderValue } from 'node:http';
import { errors } from 'undici';

import { createCountedCache } from '../../cache/lru.ts';

import { type ConnectOptions, openConnection } from './connection.ts';
import { ConnectionPool } from './connection-pool.ts';
import { type BlobRequest, ClosedEarlyError, Exchange } from './exchange.ts';
import type { RawResponse } from './exchange-body.ts';

export interface BlobConnectionsOptions extends ConnectOptions {
  readonly maxConnections: number;
  readonly keepAliveMs: number;
  readonly maxHeaderBytes: number;
}

/**
 * Connections for responses that may be long: their bodies are received into memory of the reader. A response without a length, or
 * with anything else that is unusual, is left to undici on the same connection.
 */
export class BlobConnections {
  readonly #options: BlobConnectionsOptions;
  /** By origin. */
  readonly #pools = new Map<string, ConnectionPool>();
  /** Latest TLS session by origin. */
  readonly #sessions = createCountedCache<Buffer>({ maxEntries: 100 });
  #closedBy: Error | undefined;

  constructor(options: BlobConnectionsOptions) {
    this.#options = options;
  }

  /** @throws the errors of undici and of the system, or the reason of the signal */
  async request(request: BlobRequest): Promise<RawResponse> {
    const head = headOf(request);
    try {
      return await this.#send(request, head, false);
    } catch (err) {
      // A server may close a kept connection at any time: RFC 9112 section 9.3.1.
      if (!(err instanceof ClosedEarlyError)) throw err;
      return this.#send(request, head, true);
    }
  }

  /** Requests in progress fail. */
  close(): void {
    this.#closedBy = new errors.ClientDestroyedError();
    for (const pool of this.#pools.values()) pool.close(this.#closedBy);
  }

  async #send(request: BlobRequest, head: string, isNew: boolean): Promise<RawResponse> {
    if (this.#closedBy) throw this.#closedBy;
    const pool = this.#pool(request.url);
    const connection = await pool.acquire({ signal: request.signal, isNew });
    return new Exchange({ request, connection, pool, maxHeaderBytes: this.#options.maxHeaderBytes }).run(head);
  }

  #pool({ origin }: URL): ConnectionPool {
    const known = this.#pools.get(origin);
    if (known) return known;
    const { maxConnections, keepAliveMs } = this.#options;
    const pool = new ConnectionPool({
      open: (signal) => openConnection({ ...this.#options, ...this.#session(origin), origin: new URL(origin), signal }),
      maxConnections,
      keepAliveMs,
      onEmpty: () => this.#pools.delete(origin),
    });
    this.#pools.set(origin, pool);
    return pool;
  }

  #session(origin: string) {
    const session = this.#sessions.get(origin);
    return { session, onSession: (latest: Buffer) => this.#sessions.set(origin, latest) };
  }
}

/** @throws {TypeError} for a field value with control characters */
function headOf({ url, headers }: BlobRequest): string {
  const fields = { host: url.host, connection: 'keep-alive', ...headers };
  const lines = Object.entries(fields).map(([name, value]) => {
    validateHeaderValue(name, value);
    return `${name}: ${value}\r\n`;
  });
  return `GET ${url.pathname}${url.search} HTTP/1.1\r\n${lines.join('')}\r\n`;
}
