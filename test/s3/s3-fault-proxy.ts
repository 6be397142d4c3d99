import { type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';

import { startServer } from '../support/start-server.ts';

/** What a request to S3 is for. */
export type Operation =
  | 'head'
  | 'get'
  | 'put'
  | 'delete'
  | 'delete-many'
  | 'list'
  | 'list-uploads'
  | 'start-upload'
  | 'part'
  | 'complete'
  | 'abort';

export interface SeenRequest {
  readonly operation: Operation;
  readonly key: string;
  readonly headers: IncomingMessage['headers'];
  /** Bytes of the body that were passed on to the client. */
  bytes: number;
}

/** How a request goes wrong. */
export type Fault =
  | { readonly kind: 'error'; readonly status: number; readonly code: string }
  /** The connection is reset after so many bytes of the request's body. */
  | { readonly kind: 'cut-request'; readonly afterBytes: number }
  /** The connection ends after so many bytes of the answer's body. */
  | { readonly kind: 'cut-answer'; readonly afterBytes: number }
  /** The store does what was asked; its answer is lost. */
  | { readonly kind: 'lose-answer' }
  /** The answer of an earlier request. */
  | { readonly kind: 'answer'; readonly body: Buffer };

interface Rule {
  readonly operation: Operation;
  readonly fault: Fault;
  times: number;
}

/** A proxy before an S3 server that knows what requests mean, and makes some of them fail. Signatures stay good. */
export async function startS3FaultProxy(target: string) {
  const rules: Rule[] = [];
  const requests: SeenRequest[] = [];
  const server = await startServer((req, res) => {
    const seen = describeRequest(req);
    requests.push(seen);
    const rule = rules.find(({ operation, times }) => operation === seen.operation && times > 0);
    if (rule) rule.times--;
    pass({ req, res, target, seen, fault: rule?.fault }).catch(() => res.destroy());
  });
  return {
    url: server.url,
    requests,
    count: (operation: Operation) => requests.filter((seen) => seen.operation === operation).length,
    /** The next `times` requests of the kind. */
    fail(operation: Operation, fault: Fault, times = 1): void {
      rules.push({ operation, fault, times });
    },
    clear(): void {
      rules.length = 0;
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

function describeRequest(req: IncomingMessage): SeenRequest {
  const url = new URL(req.url ?? '/', 'http://store');
  const [, , ...key] = url.pathname.split('/');
  return {
    operation: operationOf(req.method ?? '', url.searchParams, key.join('/')),
    key: decodeURIComponent(key.join('/')),
    headers: req.headers,
    bytes: 0,
  };
}

function operationOf(method: string, query: URLSearchParams, key: string): Operation {
  if (query.has('uploads')) return method === 'POST' ? 'start-upload' : 'list-uploads';
  if (query.has('delete')) return 'delete-many';
  if (query.has('uploadId')) {
    return method === 'PUT' ? 'part' : method === 'POST' ? 'complete' : 'abort';
  }
  if (key === '' || query.has('list-type')) return 'list';
  return method.toLowerCase() as 'head' | 'get' | 'put' | 'delete';
}

interface Passing {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly target: string;
  readonly seen: SeenRequest;
  readonly fault: Fault | undefined;
}

async function pass({ req, res, target, seen, fault }: Passing): Promise<void> {
  if (fault?.kind === 'error') {
    req.resume();
    res.writeHead(fault.status, { 'content-type': 'application/xml' });
    res.end(`<?xml version="1.0"?><Error><Code>${fault.code}</Code><Message>as the test wants</Message></Error>`);
    return;
  }
  if (fault?.kind === 'answer') {
    req.resume();
    res.writeHead(200, { 'content-type': 'application/xml' }).end(fault.body);
    return;
  }
  const forwarded = request(new URL(req.url ?? '/', target), {
    method: req.method,
    headers: req.headers,
    agent: false,
  });
  forwarded.on('error', () => reset(req));
  const answered = new Promise<IncomingMessage>((resolve) => forwarded.once('response', resolve));
  const sending = pipeline(
    limited(req, fault, () => forwarded.destroy()),
    forwarded,
  );
  sending.catch(() => {});
  const answer = await answered;
  if (fault?.kind === 'lose-answer') {
    for await (const _ of answer) continue;
    reset(req);
    return;
  }
  res.writeHead(answer.statusCode ?? 500, answer.headers);
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    const isCut = fault?.kind === 'cut-answer' && seen.bytes + chunk.length > fault.afterBytes;
    const passed = isCut ? chunk.subarray(0, fault.afterBytes - seen.bytes) : chunk;
    seen.bytes += passed.length;
    await new Promise<void>((resolve) => res.write(passed, () => resolve()));
    if (!isCut) continue;
    answer.destroy();
    // Not a reset, which would also take back what is on its way.
    req.socket.destroySoon();
    return;
  }
  res.end();
}

/** The request's body; ends the connection of the client in the middle when that is the fault. */
async function* limited(req: IncomingMessage, fault: Fault | undefined, cut: () => void): AsyncGenerator<Buffer> {
  let bytes = 0;
  for await (const chunk of req as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (fault?.kind === 'cut-request' && bytes > fault.afterBytes) {
      cut();
      reset(req);
      return;
    }
    yield chunk;
  }
}

function reset({ socket }: { readonly socket: Socket | null }): void {
  socket?.resetAndDestroy();
}
