import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';

/** What is done to a body on its way. All offsets are bytes of the body that is sent, not of the whole blob. */
export interface BodyShape {
  /** One bit of the byte here is wrong. */
  readonly flipAt?: number;
  readonly shortBy?: number;
  readonly longBy?: number;
  /** Then the connection is closed, after what was sent has arrived. */
  readonly cutAfter?: number;
  /** Then nothing more comes, and the connection stays open. */
  readonly hangAfter?: number;
  readonly bytesPerSecond?: number;
}

/** Length of the body once it is shaped. */
export function shapedLength(length: number, { shortBy = 0, longBy = 0 }: BodyShape): number {
  return Math.max(length - shortBy, 0) + longBy;
}

/** Sends a body of `length` true bytes. @throws {Error} when the client goes away before the end. */
export async function sendBody(
  res: ServerResponse,
  source: AsyncIterable<Buffer>,
  { length, shape, onBytes }: { length: number; shape: BodyShape; onBytes: (count: number) => void },
): Promise<void> {
  const { cutAfter = Infinity, hangAfter = Infinity, bytesPerSecond = Infinity } = shape;
  const stopAt = Math.min(cutAfter, hangAfter);
  const bytes = paced(upTo(stopAt, lengthened(flipped(source, shape), length, shape)), bytesPerSecond);
  const counted = counting(bytes, onBytes);
  const interrupted = stopAt < shapedLength(length, shape);
  await pipeline(Readable.from(counted, { objectMode: false }), res, { end: !interrupted });
  if (!interrupted) return;
  if (stopAt === cutAfter) res.socket?.destroySoon();
  await closed(res);
}

/** Resolves when the client has gone away, or the answer is finished. */
export function closed(res: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    if (res.closed || res.destroyed) resolve();
    else res.once('close', resolve);
  });
}

async function* flipped(source: AsyncIterable<Buffer>, { flipAt = -1 }: BodyShape): AsyncGenerator<Buffer> {
  let at = 0;
  for await (const chunk of source) {
    const index = flipAt - at;
    at += chunk.length;
    if (index < 0 || index >= chunk.length) {
      yield chunk;
      continue;
    }
    const wrong = Buffer.from(chunk);
    wrong.writeUInt8(wrong.readUInt8(index) ^ 1, index);
    yield wrong;
  }
}

async function* lengthened(source: AsyncIterable<Buffer>, length: number, { shortBy = 0, longBy = 0 }: BodyShape) {
  yield* upTo(Math.max(length - shortBy, 0), source);
  if (longBy > 0) yield Buffer.alloc(longBy, '!');
}

async function* upTo(limit: number, source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let left = limit;
  for await (const chunk of source) {
    if (left <= 0) return;
    yield chunk.length <= left ? chunk : chunk.subarray(0, left);
    left -= chunk.length;
  }
}

/** In pieces small enough that a reader sees a steady stream. */
async function* paced(source: AsyncIterable<Buffer>, bytesPerSecond: number): AsyncGenerator<Buffer> {
  if (bytesPerSecond === Infinity) return yield* source;
  const piece = Math.max(1, Math.floor(bytesPerSecond / 50));
  const started = performance.now();
  let sent = 0;
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length; at += piece) {
      const due = (sent / bytesPerSecond) * 1000 - (performance.now() - started);
      if (due > 0) await delay(due);
      const part = chunk.subarray(at, at + piece);
      sent += part.length;
      yield part;
    }
  }
}

async function* counting(source: AsyncIterable<Buffer>, onBytes: (count: number) => void): AsyncGenerator<Buffer> {
  for await (const chunk of source) {
    onBytes(chunk.length);
    yield chunk;
  }
}
