import { type IncomingMessage, request, type ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';

import { startServer } from '../support/start-server.ts';

interface OwnResponse {
  readonly status: number;
  /** Absent: the response has no body. */
  readonly code?: string;
  /** XML. Absent: an error with the code. */
  readonly body?: string;
}

/** A rule of a store that versitygw does not have. @returns undefined when the request may pass */
export type Quirk = (request: StoreRequest) => OwnResponse | undefined;

export interface StoreRequest {
  readonly method: string;
  readonly key: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
}

/** A proxy before an S3 server with the rules of another store. */
export async function startQuirkyStore(target: string, quirks: readonly Quirk[]) {
  return await startServer((req, res) => {
    const url = new URL(req.url ?? '/', 'http://store');
    const key = decodeURIComponent(url.pathname.split('/').slice(2).join('/'));
    const seen = { method: req.method ?? '', key, query: url.searchParams, headers: req.headers };
    for (const quirk of quirks) {
      const response = quirk(seen);
      if (response) return respond(req, res, response);
    }
    pass(req, res, target).catch(() => res.destroy());
  });
}

/** MinIO: parts are not copied into an upload with checksums. */
export function noCopiesIntoChecksums(): Quirk {
  let hasChecksums = false;
  return ({ query, headers }) => {
    if (query.has('uploads')) hasChecksums = headers['x-amz-checksum-algorithm'] !== undefined;
    const isCopy = query.has('partNumber') && headers['x-amz-copy-source'] !== undefined;
    return isCopy && hasChecksums ? { status: 400, code: 'InvalidArgument' } : undefined;
  };
}

/** MinIO, and others on file systems. */
export const shortNames: Quirk = ({ method, key }) => {
  if (key.split('/').every((segment) => segment.length <= 255)) return undefined;
  return method === 'HEAD' ? { status: 400 } : { status: 400, code: 'InvalidArgument' };
};

/** MinIO: lists of uploads by a prefix have those of exactly this key. */
export const noUploadsByPrefix: Quirk = ({ method, query }) =>
  method === 'GET' && query.has('uploads') && query.get('prefix')
    ? { status: 200, body: '<ListMultipartUploadsResult><IsTruncated>false</IsTruncated></ListMultipartUploadsResult>' }
    : undefined;

/** OSS. */
export const noUploadLists: Quirk = ({ method, query }) =>
  method === 'GET' && query.has('uploads') ? { status: 501, code: 'NotImplemented' } : undefined;

/** Cloudflare R2: all parts but the last have one size, and the last is not larger. */
export function uniformParts(): Quirk {
  const sizes = new Map<string, Map<number, number>>();
  return ({ method, query, headers }) => {
    const upload = query.get('uploadId');
    if (upload === null) return undefined;
    const parts = sizes.get(upload) ?? new Map<number, number>();
    sizes.set(upload, parts);
    if (query.has('partNumber')) parts.set(Number(query.get('partNumber')), sizeOf(headers));
    if (method !== 'POST') return undefined;
    const inOrder = [...parts].toSorted(([a], [b]) => a - b).map(([, size]) => size);
    const [first = 0] = inOrder;
    const isUniform = inOrder.slice(0, -1).every((size) => size === first) && (inOrder.at(-1) ?? 0) <= first;
    return isUniform ? undefined : { status: 400, code: 'InvalidPart' };
  };
}

function sizeOf(headers: IncomingMessage['headers']): number {
  const [, start, end] = /^bytes=(\d+)-(\d+)$/.exec(String(headers['x-amz-copy-source-range'])) ?? [];
  return start === undefined ? Number(headers['content-length']) : Number(end) - Number(start) + 1;
}

function respond(req: IncomingMessage, res: ServerResponse, { status, code, body }: OwnResponse): void {
  const error = code === undefined ? '' : `<Error><Code>${code}</Code><Message>refused</Message></Error>`;
  req.resume();
  req.once('end', () => {
    res.writeHead(status, { 'content-type': 'application/xml' });
    res.end(body ?? error);
  });
}

async function pass(req: IncomingMessage, res: ServerResponse, target: string): Promise<void> {
  const upstream = request(new URL(req.url ?? '/', target), { method: req.method, headers: req.headers });
  const responded = new Promise<IncomingMessage>((resolve, reject) => {
    upstream.once('response', resolve).once('error', reject);
  });
  await pipeline(req, upstream);
  const response = await responded;
  res.writeHead(response.statusCode ?? 502, response.headers);
  await pipeline(response, res);
}
