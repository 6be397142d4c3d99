import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';

import type { Answer } from './exchange.ts';

const COPIED = [
  'content-type',
  'content-length',
  'content-range',
  'accept-ranges',
  'docker-content-digest',
  'docker-distribution-api-version',
  'etag',
  'link',
];

/** Asks the registry behind the front, and hands its answer on as it comes. */
export class BackendClient {
  readonly #url: string;
  readonly #agent = new Agent({ keepAlive: true });

  constructor(url: string) {
    this.#url = url;
  }

  async ask(method: 'GET' | 'HEAD', path: string, asked: Readonly<Record<string, string>> = {}): Promise<Answer> {
    const sent = request(`${this.#url}${path}`, { method, headers: asked, agent: this.#agent }).end();
    const [incoming] = (await once(sent, 'response')) as [IncomingMessage];
    const copied = COPIED.flatMap((name) => {
      const value = incoming.headers[name];
      return typeof value === 'string' ? [[name, value] as const] : [];
    });
    const answer = { status: incoming.statusCode ?? 502, headers: Object.fromEntries(copied) };
    if (method === 'HEAD') {
      incoming.resume();
      return answer;
    }
    const { 'content-length': length, ...headers } = answer.headers;
    if (length !== undefined) return { ...answer, headers, body: { length: Number(length), source: incoming } };
    const whole = await buffer(incoming);
    return { ...answer, headers, body: { length: whole.length, source: Readable.from([whole]) } };
  }

  close(): void {
    this.#agent.destroy();
  }
}
