import type { Response, Router } from 'express';

import type { EventControl, ServiceEvent } from '../operations/event-control.ts';

/** Proxies end connections without bytes. Milliseconds. */
const PING_MS = 15_000;
/** A client that reads more slowly is cut off, and connects again. Bytes. */
const MAX_WAITING = 1024 * 1024;

/** `/events`: server-sent events. */
export function addEventRoutes(router: Router, control: EventControl): void {
  router.get('/events', (request, response) => {
    const left = new AbortController();
    const after = request.get('last-event-id');
    // Before the headers: it may refuse.
    const early: ServiceEvent[] = [];
    let send = (event: ServiceEvent): void => {
      early.push(event);
    };
    control.listen((event) => send(event), { signal: left.signal, after, onEnd: () => response.end() });
    const ping = setInterval(() => write(response, ': ping\n\n'), PING_MS).unref();
    response.on('close', () => {
      clearInterval(ping);
      left.abort();
    });
    response.set({ 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' });
    response.flushHeaders();
    send = (event) => write(response, textOf(event));
    write(response, 'retry: 3000\n\n');
    for (const event of early) send(event);
  });
}

function textOf({ id, type, data }: ServiceEvent): string {
  return `id: ${id}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`;
}

function write(response: Response, text: string): void {
  response.write(text);
  if (response.writableLength > MAX_WAITING) response.destroy();
}
