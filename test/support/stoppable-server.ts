import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** An HTTP server on a free loopback port that can go away and come back on the same port. */
export class StoppableServer implements AsyncDisposable {
  readonly #listener: RequestListener;
  #server: Server | undefined;
  #port = 0;

  private constructor(listener: RequestListener) {
    this.#listener = listener;
  }

  static async start(listener: RequestListener): Promise<StoppableServer> {
    const server = new StoppableServer(listener);
    await server.resume();
    return server;
  }

  get port(): number {
    return this.#port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Listens again. Does nothing while it listens. */
  async resume(): Promise<void> {
    if (this.#server !== undefined) return;
    const server = createServer(this.#listener);
    // Timeouts are what the other side is tested for; this side has none.
    Object.assign(server, { requestTimeout: 0, headersTimeout: 0, keepAliveTimeout: 60_000 });
    this.#server = server.listen(this.#port, '127.0.0.1');
    await once(server, 'listening');
    this.#port = (server.address() as AddressInfo).port;
  }

  /** Open connections are destroyed; new ones are refused. */
  async stop(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}
