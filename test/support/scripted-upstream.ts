import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

import { startServer } from './start-server.ts';

/** How one repository of a {@link ScriptedUpstream} treats requests for its blobs. `HEAD` of a blob is 200 unless it is refused. */
export type BlobBehaviour =
  | { readonly kind: 'serve'; readonly bytes: Buffer }
  /** No response to a GET at all. */
  | { readonly kind: 'hang'; readonly size: number }
  /** 404, after a while. */
  | { readonly kind: 'refuse'; readonly afterMs: number }
  /** Announces `size`, sends `bytes`, and then `perSecond` zeros a second. */
  | { readonly kind: 'trickle'; readonly size: number; readonly bytes?: Buffer; readonly perSecond: number }
  /** Announces `size`, sends `bytes`, and cuts the connection; 404 for ranges behind it. */
  | { readonly kind: 'cut'; readonly size: number; readonly bytes: Buffer };

export interface BlobRequest {
  readonly method: string;
  readonly repository: string;
  readonly range: string | undefined;
}

const TICK_MS = 100;

/** A registry that treats each repository as it is told, whatever is good and right. It has blobs only. */
export async function startScriptedUpstream(behaviours: Readonly<Record<string, BlobBehaviour>>) {
  const requests: BlobRequest[] = [];
  const server = await startServer((req, res) => {
    const [, repository = ''] = /^\/v2\/(.+)\/blobs\//.exec(req.url ?? '') ?? [];
    const behaviour = behaviours[repository];
    if (!behaviour) return void res.writeHead(404).end();
    requests.push({ method: req.method ?? '', repository, range: req.headers.range });
    void behave(behaviour, req, res);
  });
  return {
    ...server,
    requests,
    count: (method: string, repository?: string) =>
      requests.filter((seen) => seen.method === method && (repository ?? seen.repository) === seen.repository).length,
  };
}

async function behave(behaviour: BlobBehaviour, req: IncomingMessage, res: ServerResponse): Promise<void> {
  if (behaviour.kind === 'refuse') {
    await delay(behaviour.afterMs);
    res.writeHead(404).end();
  } else if (req.method === 'HEAD') {
    res.writeHead(200, { 'content-length': sizeOf(behaviour) }).end();
  } else if (behaviour.kind === 'serve') serve(behaviour.bytes, req, res);
  else if (behaviour.kind === 'cut') cut(behaviour, req, res);
  else if (behaviour.kind === 'trickle') trickle(behaviour, res);
}

function sizeOf(behaviour: Exclude<BlobBehaviour, { kind: 'refuse' }>): number {
  return behaviour.kind === 'serve' ? behaviour.bytes.length : behaviour.size;
}

function serve(bytes: Buffer, req: IncomingMessage, res: ServerResponse): void {
  const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(req.headers.range ?? '') ?? [];
  if (from === undefined) return void res.writeHead(200, { 'content-length': bytes.length }).end(bytes);
  const start = Number(from);
  const end = to ? Math.min(Number(to) + 1, bytes.length) : bytes.length;
  if (start >= bytes.length) return void res.writeHead(416, { 'content-range': `bytes */${bytes.length}` }).end();
  const headers = { 'content-length': end - start, 'content-range': `bytes ${start}-${end - 1}/${bytes.length}` };
  res.writeHead(206, headers).end(bytes.subarray(start, end));
}

function cut({ size, bytes }: { size: number; bytes: Buffer }, req: IncomingMessage, res: ServerResponse): void {
  if (req.headers.range) return void res.writeHead(404).end();
  res.writeHead(200, { 'content-length': size });
  res.write(bytes, () => setTimeout(() => res.destroy(), TICK_MS));
}

function trickle({ size, bytes, perSecond }: { size: number; bytes?: Buffer; perSecond: number }, res: ServerResponse) {
  res.writeHead(200, { 'content-length': size });
  if (bytes) res.write(bytes);
  else res.flushHeaders();
  const timer = setInterval(() => res.write(Buffer.alloc(Math.ceil((perSecond * TICK_MS) / 1000))), TICK_MS);
  res.on('close', () => clearInterval(timer));
}
