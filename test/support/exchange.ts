import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';

import type { Effect } from './faults.ts';
import type { LoggedRequest } from './request-log.ts';
import { closed, sendBody, shapedLength } from './send-body.ts';

/** What an origin says when nothing is wrong with it. */
export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: { readonly length: number; readonly source: AsyncIterable<Buffer> };
}

export interface Exchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly logged: LoggedRequest;
  readonly effect: Effect;
}

export function jsonAnswer(status: number, value: object, headers: Readonly<Record<string, string>> = {}): Answer {
  return textAnswer(status, JSON.stringify(value), { 'content-type': 'application/json', ...headers });
}

export function textAnswer(status: number, text: string, headers: Readonly<Record<string, string>> = {}): Answer {
  const bytes = Buffer.from(text);
  const body = { length: bytes.length, source: Readable.from([bytes]) };
  return { status, headers: { 'content-type': 'text/plain', ...headers }, body };
}

/** Sends the answer, or what the effect makes of it. Ends quietly when the client goes away. */
export async function respond(exchange: Exchange, trueAnswer: () => Promise<Answer> | Answer): Promise<void> {
  const { res, logged, effect } = exchange;
  res.on('error', () => {}); // the client went away: 'close' says so too
  if (effect.delayMs !== undefined) await delay(effect.delayMs);
  if (res.destroyed) return;
  if (effect.instead !== undefined) return misbehave(exchange, effect.instead);
  const { answer } = effect;
  const told = answer && textAnswer(answer.status, answer.body ?? '', answer.headers);
  await send(exchange, told ?? (await orBadGateway(trueAnswer)));
  logged.complete = res.writableFinished;
}

async function orBadGateway(trueAnswer: () => Promise<Answer> | Answer): Promise<Answer> {
  try {
    return await trueAnswer();
  } catch (err) {
    return textAnswer(502, `the registry behind this front failed: ${String(err)}`);
  }
}

async function send({ req, res, logged, effect }: Exchange, { status, headers, body }: Answer): Promise<void> {
  const shape = effect.answer || req.method === 'HEAD' ? {} : (effect.body ?? {});
  logged.status = status;
  const length = body ? { 'content-length': String(shapedLength(body.length, shape)) } : { 'content-length': '0' };
  res.writeHead(status, { ...length, ...headers, ...effect.headers });
  res.flushHeaders();
  if (!body || req.method === 'HEAD') {
    res.end();
    return;
  }
  const onBytes = (count: number) => {
    logged.bytes += count;
  };
  // Fails when the client hangs up, which is the client's business.
  await sendBody(res, body.source, { length: body.length, shape, onBytes }).catch(() => res.destroy());
}

async function misbehave({ req, res }: Exchange, instead: NonNullable<Effect['instead']>): Promise<void> {
  switch (instead) {
    case 'hang':
      return closed(res);
    case 'disconnect':
      res.socket?.destroy();
      return;
    case 'redirect-loop':
      res.writeHead(307, { location: `${(req.url ?? '/').split('?')[0]}?again=${Date.now()}` }).end();
      return;
    case 'endless-header':
      return sendEndlessHeader(res);
  }
}

async function sendEndlessHeader(res: ServerResponse): Promise<void> {
  const { socket } = res;
  socket?.write('HTTP/1.1 200 OK\r\nx-endless: ');
  const more = () => {
    while (socket?.writable && socket.write('a'.repeat(4096)));
  };
  socket?.on('drain', more);
  more();
  await closed(res);
}
