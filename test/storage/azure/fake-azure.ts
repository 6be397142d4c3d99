import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';

import { startServer } from '../../support/start-server.ts';

export const CONTAINER = 'registry';

export type Operation = 'head' | 'get' | 'put' | 'block' | 'block-list' | 'copy' | 'delete' | 'list';

/** How a request fails. */
export type Fault =
  | { readonly status: number; readonly code: string; readonly retryAfter?: string }
  /** The request is carried out, and its response is lost. */
  | 'lost'
  /** The body of the response ends early. */
  | { readonly cutAfter: number }
  /** A bit of the request's body is flipped. */
  | 'flipped';

interface FakeBlob {
  readonly bytes: Buffer;
  readonly etag: string;
  /** As in headers. */
  readonly modified: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly isAppendBlob?: boolean;
  /** URL. Absent when it is not a copy. */
  readonly copySource?: string;
  /** Checks until the copy is done. */
  pending: number;
}

interface Call {
  readonly operation: Operation;
  readonly url: URL;
  readonly name: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

interface Response {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body?: Buffer | string;
}

class FakeError extends Error {
  readonly status: number;

  constructor(status: number, code: string) {
    super(code);
    this.status = status;
  }
}

const md5 = (bytes: Buffer) => createHash('md5').update(bytes).digest('base64');

/** Azure Blob Storage with what test servers leave out: pages, encoded names, pending copies, lost responses and faults. */
export class FakeAzure implements AsyncDisposable {
  readonly blobs = new Map<string, FakeBlob>();
  readonly requests: { readonly operation: Operation; readonly method: string; readonly path: string }[] = [];
  /** Entries on a page of a list. */
  pageSize = 3;
  /** Checks that a copy needs. */
  copySteps = 0;
  /** Lists have no names. */
  isNameless = false;
  /** Called when a request was carried out, before its response. */
  onDone: (operation: Operation) => void = () => {};
  readonly #blocks = new Map<string, Map<string, Buffer>>();
  readonly #faults: { readonly operation: Operation; readonly fault: Fault; times: number }[] = [];
  #etags = 0;
  #server!: Awaited<ReturnType<typeof startServer>>;

  static async start(): Promise<FakeAzure> {
    const fake = new FakeAzure();
    fake.#server = await startServer((req, res) => void fake.#serve(req, res).catch(() => res.destroy()));
    return fake;
  }

  get url(): string {
    return this.#server.url;
  }

  get names(): string[] {
    return [...this.blobs.keys()].sort();
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

  store(name: string, bytes: Buffer, more: Partial<FakeBlob> = {}): FakeBlob {
    const [etag, modified] = [`"0x${++this.#etags}"`, new Date().toUTCString()];
    const blob = { bytes, etag, modified, metadata: {}, pending: 0, ...more };
    this.blobs.set(name, blob);
    this.#blocks.delete(name);
    return blob;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#server[Symbol.asyncDispose]();
  }

  async #serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const url = new URL(req.url ?? '/', this.url);
    const operation = operationOf(req, url);
    this.requests.push({ operation, method: req.method ?? '', path: url.pathname });
    const rule = this.#faults.find((each) => each.operation === operation && each.times > 0);
    if (rule) rule.times--;
    const chunks: Buffer[] = [];
    for await (const chunk of req as AsyncIterable<Buffer>) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    if (rule?.fault === 'flipped') body.writeUInt8(body.readUInt8(0) ^ 1, 0);
    const name = nameIn(url.pathname);
    const response = this.#respond({ operation, url, name, headers: req.headers, body }, rule?.fault);
    this.onDone(operation);
    if (rule?.fault === 'lost') req.socket.resetAndDestroy();
    else await send(res, response, rule?.fault);
  }

  #respond(call: Call, fault: Fault | undefined): Response {
    try {
      if (typeof fault === 'object' && 'status' in fault) throw new FakeError(fault.status, fault.code);
      return this.#handle(call);
    } catch (err) {
      if (!(err instanceof FakeError)) throw err;
      const retryAfter = typeof fault === 'object' && 'retryAfter' in fault ? fault.retryAfter : undefined;
      const headers = {
        'x-ms-error-code': err.message,
        ...(retryAfter !== undefined && { 'retry-after': retryAfter }),
      };
      return { status: err.status, headers };
    }
  }

  #handle({ operation, url, name, headers, body }: Call): Response {
    if (operation === 'list') return { status: 200, body: this.#list(url.searchParams) };
    if (name === '') throw new FakeError(400, 'ContainerRequest');
    const sum = headers['content-md5'];
    if (sum !== undefined && sum !== md5(body)) throw new FakeError(400, 'Md5Mismatch');
    switch (operation) {
      case 'block': {
        const blocks = this.#blocks.get(name) ?? new Map<string, Buffer>();
        const bytes = headers['x-ms-copy-source'] === undefined ? body : this.#sourceRange(headers);
        this.#blocks.set(name, blocks.set(url.searchParams.get('blockid') ?? '', bytes));
        return { status: 201 };
      }
      case 'put':
      case 'block-list':
      case 'copy':
        return this.#write({ operation, url, name, headers, body });
      case 'delete':
        this.#blob(name, headers);
        this.blobs.delete(name);
        return { status: 202 };
      default:
        return this.#read(name, headers);
    }
  }

  #write({ operation, name, headers, body }: Call): Response {
    const present = this.blobs.get(name);
    if (present && headers['if-none-match'] === '*') throw new FakeError(409, 'BlobAlreadyExists');
    if (present && present.pending > 0) throw new FakeError(409, 'PendingCopyOperation');
    if (present?.isAppendBlob) throw new FakeError(409, 'InvalidBlobType');
    if (operation === 'copy') {
      const copy = { copySource: String(headers['x-ms-copy-source']), pending: this.copySteps };
      return { status: 202, headers: headersOf(this.store(name, this.#source(headers).bytes, copy)) };
    }
    const bytes = operation === 'put' ? body : this.#listed(name, String(body));
    const metadata = Object.fromEntries(
      Object.entries(headers).filter(([key]) => key.startsWith('x-ms-meta-')),
    ) as FakeBlob['metadata'];
    return { status: 201, headers: headersOf(this.store(name, bytes, { metadata })) };
  }

  #listed(name: string, list: string): Buffer {
    const blocks = [...list.matchAll(/<Latest>([^<]*)</g)].map(([, id = '']) => this.#blocks.get(name)?.get(id));
    if (blocks.includes(undefined)) throw new FakeError(400, 'InvalidBlockList');
    return Buffer.concat(blocks as Buffer[]);
  }

  #read(name: string, headers: IncomingMessage['headers']): Response {
    const blob = this.#blob(name, headers);
    const all = headersOf(blob);
    if (blob.pending > 0) blob.pending--;
    const [, start, end] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '') ?? [];
    if (start === undefined) return { status: 200, headers: all, body: blob.bytes };
    const range = { 'content-range': `bytes ${start}-${end}/${blob.bytes.length}` };
    const body = blob.bytes.subarray(Number(start), Number(end) + 1);
    return { status: 206, headers: { ...all, ...range }, body };
  }

  #source(headers: IncomingMessage['headers']): FakeBlob {
    const { pathname } = new URL(String(headers['x-ms-copy-source']));
    const { 'x-ms-source-if-match': etag } = headers as Readonly<Record<string, string>>;
    return this.#blob(nameIn(pathname), etag === undefined ? {} : { 'if-match': etag });
  }

  #sourceRange(headers: IncomingMessage['headers']): Buffer {
    const [, start, last] = /^bytes=(\d+)-(\d+)$/.exec(String(headers['x-ms-source-range'])) ?? [];
    return this.#source(headers).bytes.subarray(Number(start), Number(last) + 1);
  }

  #blob(name: string, headers: IncomingMessage['headers']): FakeBlob {
    const blob = this.blobs.get(name);
    if (!blob) throw new FakeError(404, 'BlobNotFound');
    const { 'if-match': etag = blob.etag } = headers;
    if (etag !== blob.etag) throw new FakeError(412, 'ConditionNotMet');
    return blob;
  }

  #list(query: URLSearchParams): string {
    const [prefix, delimiter, from] = ['prefix', 'delimiter', 'marker'].map((key) => query.get(key) ?? '') as [
      string,
      string,
      string,
    ];
    const entries = new Map<string, string>();
    for (const name of this.names.filter((each) => each.startsWith(prefix))) {
      const end = delimiter === '' ? -1 : name.indexOf(delimiter, prefix.length);
      if (end === -1) entries.set(name, blobXml(name, this.blobs.get(name) as FakeBlob));
      else entries.set(name.slice(0, end + 1), `<BlobPrefix>${nameXml(name.slice(0, end + 1))}</BlobPrefix>`);
    }
    const left = [...entries].filter(([name]) => name >= from);
    const page = left.slice(0, Math.min(Number(query.get('maxresults') ?? this.pageSize), this.pageSize));
    const all = page.map(([, entry]) => entry).join('');
    const xml = this.isNameless ? all.replaceAll(/<Name.*?<\/Name>/g, '') : all;
    return `<Blobs>${xml}</Blobs><NextMarker>${left[page.length]?.[0] ?? ''}</NextMarker>`;
  }
}

function operationOf({ method, headers }: IncomingMessage, { searchParams }: URL): Operation {
  const comp = searchParams.get('comp');
  if (comp === 'list') return 'list';
  if (comp === 'block') return 'block';
  if (comp === 'blocklist') return 'block-list';
  if (method === 'PUT') return headers['x-ms-copy-source'] === undefined ? 'put' : 'copy';
  return method === 'HEAD' ? 'head' : method === 'DELETE' ? 'delete' : 'get';
}

function nameIn(pathname: string): string {
  return decodeURIComponent(pathname.slice(`/${CONTAINER}/`.length));
}

function headersOf({ etag, modified, metadata, copySource, pending }: FakeBlob): Record<string, string> {
  const copied = copySource !== undefined && {
    'x-ms-copy-source': copySource,
    'x-ms-copy-status': pending > 0 ? 'pending' : 'success',
  };
  return { etag, 'last-modified': modified, ...copied, ...metadata };
}

function blobXml(name: string, { bytes, etag, modified }: FakeBlob): string {
  const properties = `<Last-Modified>${modified}</Last-Modified><Content-Length>${bytes.length}</Content-Length><Etag>${etag.slice(1, -1)}</Etag>`;
  return `<Blob>${nameXml(name)}<Properties>${properties}</Properties></Blob>`;
}

/** Characters that XML cannot have are encoded, with all others of the name. */
function nameXml(name: string): string {
  const isEncoded = /[\uFFFE\uFFFF]/.test(name);
  return isEncoded ? `<Name Encoded="true">${encodeURIComponent(name)}</Name>` : `<Name>${name}</Name>`;
}

async function send(
  res: ServerResponse,
  { status, headers, body = '' }: Response,
  fault: Fault | undefined,
): Promise<void> {
  const bytes = Buffer.from(body);
  res.writeHead(status, { 'content-length': bytes.length, ...headers });
  if (typeof fault !== 'object' || !('cutAfter' in fault)) return void res.end(bytes);
  await new Promise<void>((resolve) => res.write(bytes.subarray(0, fault.cutAfter), () => resolve()));
  res.socket?.destroySoon();
}
