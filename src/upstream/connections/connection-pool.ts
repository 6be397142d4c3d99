import { setImmediate as turn } from 'node:timers/promises';

import type { Connection } from './connection.ts';

export interface PoolOptions {
  readonly open: (signal: AbortSignal) => Promise<Connection>;
  readonly maxConnections: number;
  /** Milliseconds that a connection is kept when the server does not state it. */
  readonly keepAliveMs: number;
  /** Called when there is neither a connection nor a request for one. */
  readonly onEmpty: () => void;
}

/** Resolves when the event loop has polled for events once. */
async function polled(): Promise<void> {
  await turn();
  await turn();
}

/** A server closes a connection this much earlier than it states, as seen from here. Milliseconds. */
const KEEP_ALIVE_MARGIN_MS = 2_000;
const MAX_KEEP_ALIVE_MS = 600_000;

interface Waiting {
  readonly go: () => void;
  readonly fail: (reason: Error) => void;
}

/** The connections to one origin. Every one that is acquired must be released. */
export class ConnectionPool {
  readonly #options: PoolOptions;
  readonly #used = new Set<Connection>();
  /** The one that was used last is at the end. */
  readonly #kept = new Map<Connection, NodeJS.Timeout>();
  readonly #waiting = new Set<Waiting>();
  readonly #opening = new Set<AbortController>();
  #closedBy: Error | undefined;
  /** Connections in use, and those that are being opened. */
  #taken = 0;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  /**
   * Waits while there are as many connections as may be.
   *
   * @param options.isNew a connection that was kept is not wanted
   * @throws the reason of the signal, or why the connection cannot be opened
   */
  async acquire({ signal, isNew }: { readonly signal: AbortSignal; readonly isNew: boolean }): Promise<Connection> {
    await this.#slot(signal);
    try {
      const connection = (isNew ? undefined : await this.#takeKept()) ?? (await this.#open(signal));
      const ended = this.#closedBy ?? (signal.aborted ? (signal.reason as Error) : undefined);
      if (ended) connection.reader.fail(ended);
      this.#used.add(connection);
      return connection;
    } catch (err) {
      this.#free();
      throw err;
    }
  }

  /** @param keepAliveMs as the server states it; 0 when the connection cannot be used again */
  release(connection: Connection, keepAliveMs: number | undefined): void {
    if (!this.#used.delete(connection)) return;
    const { keepAliveMs: usual } = this.#options;
    const stated = keepAliveMs === undefined ? usual : Math.min(keepAliveMs - KEEP_ALIVE_MARGIN_MS, MAX_KEEP_ALIVE_MS);
    if (stated > 0 && connection.reader.isQuiet && !this.#closedBy) this.#keep(connection, stated);
    else connection.close();
    this.#free();
  }

  /** Ends all connections. @param reason error of requests that use one, or wait for one */
  close(reason: Error): void {
    this.#closedBy = reason;
    for (const { fail } of this.#waiting) fail(reason);
    for (const attempt of this.#opening) attempt.abort(reason);
    for (const connection of this.#kept.keys()) this.#drop(connection);
    for (const connection of this.#used) connection.reader.fail(reason);
  }

  async #slot(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#closedBy) throw this.#closedBy;
    if (this.#taken >= this.#options.maxConnections) await this.#wait(signal);
    else this.#taken++;
  }

  /** A slot is passed on from the request that frees it. */
  #wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const abort = () => waiting.fail(signal.reason as Error);
      const end = () => {
        this.#waiting.delete(waiting);
        signal.removeEventListener('abort', abort);
      };
      const waiting: Waiting = { go: () => resolve(end()), fail: (reason) => reject(end() ?? reason) };
      this.#waiting.add(waiting);
      signal.addEventListener('abort', abort, { once: true });
    });
  }

  #free(): void {
    const [next] = this.#waiting;
    if (next) next.go();
    else this.#taken--;
    this.#emptied();
  }

  async #open(signal: AbortSignal): Promise<Connection> {
    signal.throwIfAborted();
    if (this.#closedBy) throw this.#closedBy;
    // With the kept ones, there would be more than may be.
    const [oldest] = this.#kept.keys();
    if (oldest && this.#taken + this.#kept.size > this.#options.maxConnections) this.#drop(oldest);
    const attempt = new AbortController();
    const abort = () => attempt.abort(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    this.#opening.add(attempt);
    try {
      return await this.#options.open(attempt.signal);
    } finally {
      this.#opening.delete(attempt);
      signal.removeEventListener('abort', abort);
    }
  }

  /** One on which bytes arrived that were not requested could give them to the next request, so the event loop gets to see them first. */
  async #takeKept(): Promise<Connection | undefined> {
    for (;;) {
      const connection = [...this.#kept.keys()].at(-1);
      if (!connection) return undefined;
      clearTimeout(this.#kept.get(connection));
      this.#kept.delete(connection);
      await polled();
      connection.use();
      if (connection.reader.isQuiet) return connection;
      connection.close();
    }
  }

  #keep(connection: Connection, ms: number): void {
    const drop = () => this.#drop(connection);
    this.#kept.set(connection, setTimeout(drop, ms).unref());
    connection.keep(drop);
  }

  #drop(connection: Connection): void {
    clearTimeout(this.#kept.get(connection));
    this.#kept.delete(connection);
    connection.reader.unwatch();
    connection.close();
    this.#emptied();
  }

  #emptied(): void {
    if (this.#taken === 0 && this.#kept.size === 0) this.#options.onEmpty();
  }
}
