import { type ClientRequest, get, type IncomingMessage, type RequestOptions } from 'node:http';
import { once } from 'node:events';

import { ADMIN_PATH } from '../../src/admin/api.ts';

export interface ReceivedEvent {
  readonly id: string;
  readonly type: string;
  readonly data: Record<string, unknown>;
}

/** A client of `/events`, as a browser is one. */
export class EventReader implements Disposable {
  readonly events: ReceivedEvent[] = [];
  readonly #request: ClientRequest;
  readonly status: number;
  isEnded = false;
  #text = '';

  private constructor(request: ClientRequest, response: IncomingMessage) {
    this.#request = request;
    this.status = response.statusCode ?? 0;
    response.setEncoding('utf8').on('data', (text: string) => this.#read(text));
    response.on('close', () => (this.isEnded = true));
  }

  static async open(to: RequestOptions, { after, ...headers }: Record<string, string> = {}): Promise<EventReader> {
    const request = get({
      ...to,
      path: `${ADMIN_PATH}/events`,
      headers: { ...headers, ...(after !== undefined && { 'last-event-id': after }) },
    });
    request.on('error', () => {}); // it is ended by either side
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    return new EventReader(request, response);
  }

  of(type: string): readonly ReceivedEvent[] {
    return this.events.filter((event) => event.type === type);
  }

  [Symbol.dispose](): void {
    this.#request.destroy();
  }

  #read(text: string): void {
    const parts = (this.#text + text).split('\n\n');
    this.#text = parts.pop() ?? '';
    for (const part of parts) {
      const fields = new Map(
        part.split('\n').map((line) => [line.split(': ', 1)[0], line.slice(line.indexOf(': ') + 2)]),
      );
      const type = fields.get('event');
      if (type === undefined) continue; // a ping
      const data = JSON.parse(fields.get('data') ?? '') as Record<string, unknown>;
      this.events.push({ id: fields.get('id') ?? '', type, data });
    }
  }
}
