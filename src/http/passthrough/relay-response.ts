import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from 'node:http';

import { isDigest } from '../../oci/digest.ts';
import { RegistryError } from '../../oci/errors.ts';
import { referenceText } from '../../oci/reference.ts';
import type { WriteRequest } from '../../oci/write-request.ts';
import { hasStream } from '../listen/http2.ts';
import type { RelayedWrite } from '../v2/write-passthrough.ts';
import type { RelayBody } from './relay-body.ts';
import type { RelayLocation } from './relay-location.ts';
import { discard } from './relay-response-body.ts';
import { refusalOf } from './relay-refusal.ts';

/** The upstream's response to a forwarded write. */
export interface RelayResponse {
  readonly response: IncomingMessage;
  readonly status: number;
  readonly location: RelayLocation;
  readonly body: RelayBody;
  readonly isMount: boolean;
}

/** Headers of the upstream that are passed on to the client when they are valid. */
const RETURNED: Readonly<Record<string, RegExp>> = {
  'docker-content-digest': /^[a-z0-9]+:[0-9a-f]{1,256}$/,
  'docker-upload-uuid': /^[\w.~=+/-]{1,256}$/,
  'oci-chunk-min-length': /^\d{1,15}$/,
  'oci-subject': /^[a-z0-9]+:[0-9a-f]{1,256}$/,
  'oci-tag': /^[\w.,\s-]{1,20000}$/,
  range: /^(?:bytes=)?0-\d{1,15}$/,
  'retry-after': /^[\w ,:]{1,40}$/,
};

const ACCEPTED: ReadonlySet<number> = new Set([200, 201, 202, 204]);

/**
 * Whether the upstream accepted the write.
 *
 * @throws {RegistryError} `UNAVAILABLE` with status 502 for a redirect, which is not followed, and for other unexpected statuses
 */
export function isAccepted({ found }: RelayedWrite, { status, response }: RelayResponse): boolean {
  if (ACCEPTED.has(status)) return true;
  if (status >= 400 && status < 600) return false;
  discard(response);
  const message = `${found.sourceHost} responded to a write with status ${status}`;
  throw new RegistryError('UNAVAILABLE', message, { status: 502 });
}

/** Responds without the body of the upstream: accepted writes have none, and errors are passed on by {@link refusalOf}. */
export async function respondRelayed(relayed: RelayedWrite, received: RelayResponse, size: number): Promise<void> {
  const { exchange } = relayed.context;
  const { response, status } = received;
  const headers: OutgoingHttpHeaders = { ...exchange.commonHeaders(), ...returned(response.headers) };
  if (!ACCEPTED.has(status)) return refuse(relayed, received, headers);
  discard(response);
  const location = await locationOf(relayed, received, size);
  if (location !== undefined) headers['location'] = location;
  if (status !== 204) headers['content-length'] = 0;
  exchange.res.writeHead(status, headers).end();
}

async function refuse(
  { found, context: { exchange } }: RelayedWrite,
  { response, status, location }: RelayResponse,
  headers: OutgoingHttpHeaders,
): Promise<void> {
  const { req, res } = exchange;
  const isForeign = !found.relay.isOwn(location.url);
  const refusal = await refusalOf(response, { upstream: String(found.sourceHost), isForeign });
  const body = Buffer.from(`${JSON.stringify(refusal)}\n`);
  // The rest of the request's body would precede the next request.
  if (!req.complete && !hasStream(res)) headers['connection'] = 'close';
  res.writeHead(status, { ...headers, 'content-type': 'application/json', 'content-length': body.length });
  exchange.sent(req.method === 'HEAD' ? 0 : body.length);
  res.end(req.method === 'HEAD' ? undefined : body);
}

function returned(headers: IncomingHttpHeaders): OutgoingHttpHeaders {
  const valid = Object.entries(RETURNED).filter(([name, pattern]) => pattern.test(String(headers[name] ?? '')));
  return Object.fromEntries(valid.map(([name]) => [name, headers[name]]));
}

/** A URL of this registry: clients continue an upload, and find the created content, here. */
async function locationOf(relayed: RelayedWrite, received: RelayResponse, size: number): Promise<string | undefined> {
  const { request, context } = relayed;
  const { status, response } = received;
  if (status === 202 || status === 204)
    return isSession(request) ? sessionLocation(relayed, received, size) : undefined;
  if (status !== 201) return undefined;
  const claimed = String(response.headers['docker-content-digest'] ?? '');
  const digest = isDigest(claimed) ? claimed : digestOf(request);
  const kind = request.kind === 'put-manifest' ? 'manifests' : 'blobs';
  return digest === undefined ? undefined : context.locate(`/v2/${request.repository}/${kind}/${digest}`);
}

function isSession({ kind }: WriteRequest): boolean {
  return kind === 'start-upload' || kind === 'get-upload' || kind === 'append-upload';
}

/** A running session keeps its URL when the upstream sends none. */
async function sessionLocation(
  { request, found: { relay, repository }, sourceHost, context }: RelayedWrite,
  { response: { headers }, status, location }: RelayResponse,
  size: number,
): Promise<string> {
  const isRunning = request.kind !== 'start-upload' && headers.location === undefined;
  const url = isRunning ? location.url : relay.continueAt(headers.location, { from: location.url, status });
  const state = await relay.seal(repository, { url: url.href, size });
  const ns = sourceHost === undefined ? '' : `&ns=${encodeURIComponent(sourceHost)}`;
  return context.locate(`/v2/${request.repository}/blobs/uploads/relay?_state=${state}${ns}`);
}

function digestOf(request: WriteRequest): string | undefined {
  if (request.kind === 'start-upload') return request.mount ?? request.digest;
  if (request.kind === 'put-manifest') return referenceText(request.reference);
  return 'digest' in request ? request.digest : undefined;
}
