import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';

import { startServer } from '../../support/start-server.ts';
import { FakeAccounts } from './fake-accounts.ts';
import { FakeError, FakeObjects, resourceOf } from './fake-objects.ts';

export const BUCKET = 'registry';
const UNIT = 256 * 1024;

export type Operation =
  | 'stat'
  | 'get'
  | 'put'
  | 'start'
  | 'chunk'
  | 'query'
  | 'delete'
  | 'list'
  | 'copy'
  | 'compose'
  | 'token'
  | 'email'
  | 'sign'
  | 'signed';

/** How a request fails. */
export type Fault =
  | { readonly status: number; readonly reason?: string; readonly retryAfter?: string }
  /** The connection is reset. The store keeps so many bytes of the body of a chunk. */
  | { readonly resetAfter: number }
  /** The request is carried out, and its response is lost. */
  | 'lost'
  /** The body of the response ends early. */
  | { readonly cutAfter: number }
  /** The store keeps only so many bytes of the chunk, and reports that. */
  | { readonly keeps: number }
  /** A bit of the request's body is flipped. */
  | 'flipped';

interface Session {
  readonly name: string;
  readonly ifGenerationMatch: string | null;
  bytes: Buffer;
  done?: object;
}

interface Call {
  readonly operation: Operation;
  readonly req: IncomingMessage;
  readonly url: URL;
  readonly path: readonly string[];
  readonly body: Buffer;
  readonly fault: Fault | undefined;
}

interface Answer {
  readonly status?: number;
  readonly headers?: Record<string, string>;
  readonly body?: Buffer | object;
}

/** Google Cloud Storage with what test servers leave out: pages, resuming, checksums, tokens, signatures, and faults. */
export class FakeGcs implements AsyncDisposable {
  readonly objects = new FakeObjects();
  readonly accounts = new FakeAccounts();
  readonly requests: {
    readonly operation: Operation;
    readonly url: URL;
    readonly headers: IncomingMessage['headers'];
  }[] = [];
  /** Entries on a page of a list. */
  pageSize = 3;
  /** Requests that a copy needs. */
  copySteps = 1;
  /** Whether requests need a token. */
  isPublic = true;
  readonly #sessions = new Map<string, Session>();
  readonly #faults: { readonly operation: Operation; readonly fault: Fault; times: number }[] = [];
  #server!: Awaited<ReturnType<typeof startServer>>;

  static async start(): Promise<FakeGcs> {
    const fake = new FakeGcs();
    fake.#server = await startServer((req, res) => void fake.#serve(req, res).catch(() => res.destroy()));
    return fake;
  }

  get url(): string {
    return this.#server.url;
  }

  get host(): string {
    return new URL(this.url).host;
  }

  fail(operation: Operation, fault: Fault, times = 1): void {
    this.#faults.push({ operation, fault, times });
  }

  clear(): void {
    this.#faults.length = 0;
  }

  count(operation: Operation): number {
    return this.requests.filter((request) => request.operation === operation).length;
  }

  /** Uploads that are neither finished nor cancelled. */
  get openUploads(): number {
    return [...this.#sessions.values()].filter(({ done }) => !done).length;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#server[Symbol.asyncDispose]();
  }

  async #serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const url = new URL(req.url ?? '/', this.url);
    const path = url.pathname.split('/').slice(1).map(decodeURIComponent);
    const operation = operationOf(req, url, path);
    this.requests.push({ operation, url, headers: req.headers });
    const rule = this.#faults.find((each) => each.operation === operation && each.times > 0);
    if (rule) rule.times--;
    const chunks: Buffer[] = [];
    for await (const chunk of req as AsyncIterable<Buffer>) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const last = Math.max(body.length - 100, 0);
    if (rule?.fault === 'flipped') body.writeUInt8(body.readUInt8(last) ^ 1, last);
    const answer = this.#answer({ operation, req, url, path, body, fault: rule?.fault });
    if (rule?.fault === 'lost' || (typeof rule?.fault === 'object' && 'resetAfter' in rule.fault))
      req.socket.resetAndDestroy();
    else await respond(res, answer, rule?.fault);
  }

  #answer(call: Call): Answer {
    const { fault } = call;
    try {
      if (typeof fault === 'object' && 'status' in fault)
        throw new FakeError(fault.status, fault.reason ?? 'backendError');
      return this.#handle(call);
    } catch (err) {
      if (!(err instanceof FakeError)) throw err;
      const headers =
        typeof fault === 'object' && 'retryAfter' in fault && fault.retryAfter !== undefined
          ? { 'retry-after': fault.retryAfter }
          : {};
      return { status: err.status, headers, body: errorBody(call.operation, err) };
    }
  }

  #handle({ operation, req, url, path, body, fault }: Call): Answer {
    const query = url.searchParams;
    const inBucket = !['token', 'email', 'sign', 'signed'].includes(operation) && path[0] !== 'session';
    if ((inBucket && !this.isPublic) || operation === 'sign') this.accounts.check(req.headers.authorization);
    if (inBucket && path[path.indexOf('b') + 1] !== BUCKET)
      throw new FakeError(404, 'The specified bucket does not exist.');
    const name = path[path.indexOf('o') + 1] ?? '';
    const generation = { generation: query.get('generation'), ifGenerationMatch: query.get('ifGenerationMatch') };
    switch (operation) {
      case 'token':
        return {
          body:
            path[0] === 'token'
              ? this.accounts.exchange(new URLSearchParams(body.toString()), url.href)
              : this.accounts.issueToken(),
        };
      case 'email':
        return { body: Buffer.from(this.accounts.email) };
      case 'sign': {
        const { payload } = JSON.parse(body.toString()) as { payload: string };
        return { body: { signedBlob: this.accounts.signBlob(Buffer.from(payload, 'base64')).toString('base64') } };
      }
      case 'signed':
        this.accounts.checkSignedUrl(req.method ?? '', url);
        return this.#download(path.slice(1).join('/'), req.headers.range, {});
      case 'stat':
        return { body: resourceOf(this.objects.get(name, generation)) };
      case 'get':
        return this.#download(name, req.headers.range, generation);
      case 'put':
        return {
          body: resourceOf(this.#putMultipart(body, req.headers['content-type'] ?? '', generation.ifGenerationMatch)),
        };
      case 'start': {
        const id = randomUUID();
        this.#sessions.set(id, {
          name: query.get('name') ?? '',
          ifGenerationMatch: generation.ifGenerationMatch,
          bytes: Buffer.alloc(0),
        });
        return { headers: { location: `${this.url}/session/${id}` }, body: {} };
      }
      case 'chunk':
      case 'query':
        return this.#sendToSession(path[1] ?? '', { req, body, fault });
      case 'delete':
        if (path[0] === 'session') {
          this.#sessions.delete(path[1] ?? '');
          return { status: 499 };
        }
        this.objects.delete(name, generation.ifGenerationMatch);
        return { status: 204 };
      case 'list':
        return { body: this.objects.list(query, this.pageSize) };
      case 'copy': {
        const step = Number(query.get('rewriteToken') ?? 1);
        const source = this.objects.get(name, { generation: query.get('sourceGeneration') });
        if (step < this.copySteps) return { body: { done: false, rewriteToken: String(step + 1) } };
        const { bytes, md5Hash } = source;
        const copied = this.objects.put(path.at(-1) ?? '', bytes, { ifGenerationMatch: null }, { md5Hash });
        return { body: { done: true, resource: resourceOf(copied) } };
      }
      case 'compose': {
        const { sourceObjects } = JSON.parse(body.toString()) as {
          sourceObjects: { name: string; generation: string }[];
        };
        if (sourceObjects.length > 32) throw new FakeError(400, 'invalid');
        const bytes = sourceObjects.map(
          (source) => this.objects.get(source.name, { generation: source.generation }).bytes,
        );
        return {
          body: resourceOf(
            this.objects.put(name, Buffer.concat(bytes), { ifGenerationMatch: null }, { md5Hash: undefined }),
          ),
        };
      }
    }
  }

  #download(name: string, range: string | undefined, generation: Parameters<FakeObjects['get']>[1]): Answer {
    const object = this.objects.get(name, generation);
    const size = object.bytes.length;
    const [, start, end] = /^bytes=(\d+)-(\d+)$/.exec(range ?? '') ?? [];
    const headers = { 'content-type': object.contentType, 'x-goog-generation': object.generation };
    if (start === undefined) return { headers, body: object.bytes };
    const part = object.bytes.subarray(Number(start), Number(end) + 1);
    return { status: 206, headers: { ...headers, 'content-range': `bytes ${start}-${end}/${size}` }, body: part };
  }

  #putMultipart(body: Buffer, contentType: string, ifGenerationMatch: string | null) {
    const boundary = `\r\n--${/boundary=(.+)$/.exec(contentType)?.[1]}`;
    const second = body.indexOf(boundary);
    const metadata = body.subarray(body.indexOf('\r\n\r\n') + 4, second);
    const { name, md5Hash } = JSON.parse(metadata.toString()) as { name: string; md5Hash: string };
    const start = body.indexOf('\r\n\r\n', second) + 4;
    // The first one ends the part, as MIME parsers read it.
    const bytes = body.subarray(start, body.indexOf(boundary, start));
    return this.objects.put(name, Buffer.from(bytes), { ifGenerationMatch, md5: md5Hash });
  }

  #sendToSession(id: string, { req, body, fault }: Pick<Call, 'req' | 'body' | 'fault'>): Answer {
    const session = this.#sessions.get(id);
    if (!session) throw new FakeError(410, 'uploadGone');
    if (session.done) return { body: session.done };
    const [, start, last, total] =
      /^bytes (?:\*|(\d+)-(\d+))\/(\*|\d+)$/.exec(String(req.headers['content-range'])) ?? [];
    if (start !== undefined) {
      if (Number(start) !== session.bytes.length || body.length !== Number(last) - Number(start) + 1)
        throw new FakeError(400, 'invalid');
      const kept =
        typeof fault === 'object' && 'keeps' in fault
          ? fault.keeps
          : typeof fault === 'object' && 'resetAfter' in fault
            ? fault.resetAfter
            : body.length;
      const isCut = kept < body.length;
      // Of an unfinished chunk the store keeps whole units.
      const bytes = body.subarray(0, isCut || total === '*' ? kept - (kept % UNIT) : kept);
      if (!isCut && total === '*' && body.length % UNIT !== 0) throw new FakeError(400, 'invalid');
      session.bytes = Buffer.concat([session.bytes, bytes]);
    }
    if (total !== String(session.bytes.length)) {
      const range = session.bytes.length === 0 ? {} : { range: `bytes=0-${session.bytes.length - 1}` };
      return { status: 308, headers: range };
    }
    const [, md5] = /md5=(\S+)/.exec(String(req.headers['x-goog-hash'])) ?? [];
    session.done = resourceOf(
      this.objects.put(session.name, session.bytes, { ifGenerationMatch: session.ifGenerationMatch, md5 }),
    );
    return { body: session.done };
  }
}

function operationOf({ method, headers }: IncomingMessage, url: URL, path: readonly string[]): Operation {
  if (url.searchParams.has('X-Goog-Signature')) return 'signed';
  if (path[0] === 'token' || path.at(-1) === 'token') return 'token';
  if (path.at(-1) === 'email') return 'email';
  if (path.at(-1)?.endsWith(':signBlob')) return 'sign';
  if (method === 'DELETE') return 'delete';
  if (path[0] === 'session') return String(headers['content-range']).startsWith('bytes *') ? 'query' : 'chunk';
  if (path[0] === 'upload') return url.searchParams.get('uploadType') === 'resumable' ? 'start' : 'put';
  if (path.includes('rewriteTo')) return 'copy';
  if (path.at(-1) === 'compose') return 'compose';
  if (path.length === 5) return 'list';
  return url.searchParams.get('alt') === 'media' ? 'get' : 'stat';
}

function errorBody(operation: Operation, { status, reason, message }: FakeError): Buffer | object {
  if (operation === 'token') return { error: reason, error_description: 'refused' };
  const text = reason.includes(' ') ? reason : message;
  if (operation === 'get') return Buffer.from(text);
  return { error: { code: status, message: text, errors: [{ reason: reason.includes(' ') ? 'notFound' : reason }] } };
}

async function respond(
  res: ServerResponse,
  { status = 200, headers = {}, body }: Answer,
  fault: Fault | undefined,
): Promise<void> {
  const bytes = body === undefined ? Buffer.alloc(0) : Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body));
  const type = body === undefined || Buffer.isBuffer(body) ? {} : { 'content-type': 'application/json' };
  res.writeHead(status, { 'content-length': bytes.length, ...type, ...headers });
  if (typeof fault !== 'object' || !('cutAfter' in fault)) return void res.end(bytes);
  await new Promise<void>((resolve) => res.write(bytes.subarray(0, fault.cutAfter), () => resolve()));
  res.socket?.destroySoon();
}
