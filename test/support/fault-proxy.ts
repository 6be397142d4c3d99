import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

interface Passed {
  readonly bytes: Buffer;
  /** The connection ends behind these bytes. */
  readonly last: boolean;
}

/** A TCP proxy between two processes that breaks what passes through it, as networks do. */
export class FaultProxy implements AsyncDisposable {
  /** Added before each piece that comes from the target. */
  latencyMs = 0;
  /** From the target, per connection. */
  bytesPerSecond = Infinity;
  readonly counts = { connections: 0, bytesFromTarget: 0, bytesToTarget: 0, cuts: 0 };
  readonly #targetPort: number;
  readonly #live = new Set<Socket>();
  #mode: 'forward' | 'black-hole' = 'forward';
  #cut = { afterBytes: Infinity, times: 0 };
  #cutOnTheWayIn = { afterBytes: Infinity, times: 0 };
  #server: Server | undefined;
  #port = 0;

  private constructor(targetPort: number) {
    this.#targetPort = targetPort;
  }

  /** @param target a port on loopback, or a URL with one */
  static async start(target: number | string): Promise<FaultProxy> {
    const proxy = new FaultProxy(typeof target === 'number' ? target : Number(new URL(target).port));
    await proxy.accept();
    return proxy;
  }

  get port(): number {
    return this.#port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** The next `times` connections that carry so many bytes from the target end there. */
  cut(afterBytes: number, times = 1): void {
    this.#cut = { afterBytes, times };
  }

  /** The same for bytes on their way to the target; both sides see a reset. */
  cutOnTheWayIn(afterBytes: number, times = 1): void {
    this.#cutOnTheWayIn = { afterBytes, times };
  }

  /** New connections are refused; open ones go on. Undone by {@link accept}. */
  refuse(): void {
    this.#server?.close();
    this.#server = undefined;
  }

  /** Listens, on the same port as before, and forwards. */
  async accept(): Promise<void> {
    this.#mode = 'forward';
    if (this.#server !== undefined) return;
    this.#server = createServer({ noDelay: true }, (client) => this.#connected(client));
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** New connections are accepted and never answered; open ones fall silent. Undone by {@link accept}. */
  blackHole(): void {
    this.#mode = 'black-hole';
  }

  /** Resets every open connection. */
  killAll(): void {
    for (const socket of this.#live) socket.resetAndDestroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const server = this.#server;
    this.refuse();
    this.killAll();
    if (server) await once(server, 'close');
  }

  #connected(client: Socket): void {
    this.counts.connections++;
    this.#track(client);
    if (this.#mode === 'black-hole') {
      client.resume();
      return;
    }
    const target = connect({ port: this.#targetPort, host: '127.0.0.1', noDelay: true });
    this.#track(target);
    void this.#forward(
      client,
      target,
      this.#toTarget(() => client.resetAndDestroy()),
    );
    void this.#forward(target, client, this.#fromTarget());
  }

  #track(socket: Socket): void {
    this.#live.add(socket);
    // What ends one side ends the other, in #forward.
    socket.on('error', () => {}).once('close', () => this.#live.delete(socket));
  }

  async #forward(from: Socket, to: Socket, pass: (bytes: Buffer) => Passed | Promise<Passed>): Promise<void> {
    try {
      for await (const chunk of from) {
        if (this.#mode === 'black-hole') continue;
        const { bytes, last } = await pass(chunk as Buffer);
        const room = to.write(bytes);
        if (last) break;
        if (!room) await Promise.race([once(to, 'drain'), once(to, 'close')]);
      }
    } catch {
      // One side was reset: the other learns it below.
    }
    to.destroySoon();
  }

  #toTarget(reset: () => void): (bytes: Buffer) => Passed {
    let seen = 0;
    return (bytes) => {
      const cut = this.#cutOnTheWayIn;
      const last = cut.times > 0 && seen + bytes.length >= cut.afterBytes;
      const passed = last ? bytes.subarray(0, Math.max(cut.afterBytes - seen, 0)) : bytes;
      seen += passed.length;
      this.counts.bytesToTarget += passed.length;
      if (last) {
        cut.times--;
        this.counts.cuts++;
        reset();
      }
      return { bytes: passed, last };
    };
  }

  #fromTarget(): (bytes: Buffer) => Promise<Passed> {
    let seen = 0;
    return async (bytes) => {
      if (this.latencyMs > 0) await delay(this.latencyMs);
      if (this.bytesPerSecond < Infinity) await delay((bytes.length / this.bytesPerSecond) * 1000);
      const last = this.#cut.times > 0 && seen + bytes.length >= this.#cut.afterBytes;
      const passed = last ? bytes.subarray(0, Math.max(this.#cut.afterBytes - seen, 0)) : bytes;
      seen += passed.length;
      this.counts.bytesFromTarget += passed.length;
      if (last) {
        this.#cut.times--;
        this.counts.cuts++;
      }
      return { bytes: passed, last };
    };
  }
}
