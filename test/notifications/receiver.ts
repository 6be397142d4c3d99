import type { IncomingHttpHeaders } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

import type { Notification } from '../../src/notifications/envelope.ts';
import { startServer } from '../support/start-server.ts';

export interface Delivered {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly event: Notification;
}

/** A status, or a time without a response. */
export type Behaviour = number | 'silent';

/** A real receiver of events, which can reject them. */
export class Receiver implements AsyncDisposable {
  readonly url: string;
  /** Accepted events, in order. */
  readonly taken: Delivered[] = [];
  /** Received events, in order. */
  readonly offered: Delivered[] = [];
  behaviour: Behaviour = 200;
  readonly #server: Awaited<ReturnType<typeof startServer>>;

  private constructor(server: Awaited<ReturnType<typeof startServer>>) {
    this.#server = server;
    this.url = server.url;
  }

  static async start(): Promise<Receiver> {
    const server = await startServer((req, res) => {
      let body = '';
      req.setEncoding('utf8').on('data', (text: string) => (body += text));
      req.on('end', () => {
        const [event] = (JSON.parse(body) as { events: Notification[] }).events;
        if (event) receiver.#answer({ headers: req.headers, body, event }, (status) => res.writeHead(status).end());
      });
    });
    const receiver = new Receiver(server);
    return receiver;
  }

  get events(): Notification[] {
    return this.taken.map(({ event }) => event);
  }

  /** @throws {Error} with the received events, when there are fewer after `timeoutMs` */
  async waitFor(count: number, { timeoutMs = 15_000 } = {}): Promise<Notification[]> {
    await this.waitUntil(() => this.taken.length >= count, `${count} events`, timeoutMs);
    return this.events;
  }

  async waitForOffers(count: number): Promise<void> {
    await this.waitUntil(() => this.offered.length >= count, `${count} offers`);
  }

  async waitUntil(isMet: () => boolean, what: string, timeoutMs = 15_000): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    while (!isMet()) {
      if (Date.now() > deadline) throw new Error(`no ${what}: ${JSON.stringify(this.events.map(summaryOf))}`);
      await delay(10);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
  }

  #answer(delivered: Delivered, answer: (status: number) => void): void {
    this.offered.push(delivered);
    if (this.behaviour === 'silent') return;
    if (this.behaviour < 400) this.taken.push(delivered);
    answer(this.behaviour);
  }
}

/** `push app:1` */
export function summaryOf({ action, target }: Notification): string {
  return `${action} ${target.repository}${target.tag === undefined ? '' : `:${target.tag}`}`;
}
