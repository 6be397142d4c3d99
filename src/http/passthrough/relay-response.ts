import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from 'node:http';

import { isDigest } from '../../oci/digest.ts';
import { RegistryError } from '../../oci/errors.ts';
import { referenceText } from '../../oci/reference.ts';
import type { WriteRequest } from '../../oci/write-request.ts';
import { hasStream } from '../listen/http2.ts';
import type { RelayedWrite } from '../v2/write-passthrough.ts';
import type { RelayBody } from './relay-body.ts';
import type { RelayPlace } from './relay-location.ts';
import { discard } from './relay-response-body.ts';
import { refusalOf } from './relay-refusal.ts';

/** The upstream's response to a forwarded write. */
export interface RelayResponse {
  readonly answer: IncomingMessage;
  readonly status: number;
  readonly place: RelayPlace;
  readonly body: RelayBody;
  readonly isMount: boolean;
}

/** Headers of the upstream that the client gets, where they look as they should. */
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
 * Whether the upstream did what it was asked to.
 *
 * @throws {RegistryError} `UNAVAILABLE` with status 502 for a redirect, which is not followed, and for what is no answer to a write
 */
export function isAccepted({ found }: RelayedWrite, { status, answer }: RelayResponse): boolean {
  if (ACCEPTED.has(status)) return true;
  if (status >= 400 && status < 600) return false;
  discard(answer);
  const message = `${found.sourceHost} answered a write with status ${status}`;
  throw new RegistryError('UNAVAILABLE', message, { status: 502 });
}

/** Never the body of the upstream: it has none to send for what it took, and errors are passed on as {@link refusalOf} says. */
export async function replyRelayed(relayed: RelayedWrite, answered: RelayResponse, size: number): Promise<void> {
  const { exchange } = relayed.context;
  const { answer, status } = answered;
  const headers: OutgoingHttpHeaders = { ...exchange.commonHeaders(), ...returned(answer.headers) };
  if (!ACCEPTED.has(status)) return refuse(relayed, answered, headers);
  discard(answer);
  const location = await locationOf(relayed, answered, size);
  if (location !== undefined) headers['location'] = location;
  if (status !== 204) headers['content-length'] = 0;
  exchange.res.writeHead(status, headers).end();
}

async function refuse(
  { found, context: { exchange } }: RelayedWrite,
  { answer, status, place }: RelayResponse,
  headers: OutgoingHttpHeaders,
): Promise<void> {
  const { req, res } = exchange;
  const isForeign = !found.relay.isOwn(place.url);
  const refusal = await refusalOf(answer, { upstream: String(found.sourceHost), isForeign });
  const body = Buffer.from(`${JSON.stringify(refusal)}\n`);
  // A body that was not read to its end stands before the next request.
  if (!req.complete && !hasStream(res)) headers['connection'] = 'close';
  res.writeHead(status, { ...headers, 'content-type': 'application/json', 'content-length': body.length });
  exchange.sent(req.method === 'HEAD' ? 0 : body.length);
  res.end(req.method === 'HEAD' ? undefined : body);
}

function returned(headers: IncomingHttpHeaders): OutgoingHttpHeaders {
  const valid = Object.entries(RETURNED).filter(([name, pattern]) => pattern.test(String(headers[name] ?? '')));
  return Object.fromEntries(valid.map(([name]) => [name, headers[name]]));
}

/** Where we have it: the session continues here, and so does what was made. */
async function locationOf(relayed: RelayedWrite, answered: RelayResponse, size: number): Promise<string | undefined> {
  const { request, context } = relayed;
  const { status, answer } = answered;
  if (status === 202 || status === 204)
    return isSession(request) ? sessionLocation(relayed, answered, size) : undefined;
  if (status !== 201) return undefined;
  const claimed = String(answer.headers['docker-content-digest'] ?? '');
  const made = isDigest(claimed) ? claimed : digestOf(request);
  const kind = request.kind === 'put-manifest' ? 'manifests' : 'blobs';
  return made === undefined ? undefined : context.locate(`/v2/${request.repository}/${kind}/${made}`);
}

function isSession({ kind }: WriteRequest): boolean {
  return kind === 'start-upload' || kind === 'get-upload' || kind === 'append-upload';
}

/** One that is under way stays where it is when the upstream does not say. */
async function sessionLocation(
  { request, found: { relay, repository }, sourceHost, context }: RelayedWrite,
  { answer: { headers }, status, place }: RelayResponse,
  size: number,
): Promise<string> {
  const isUnderWay = request.kind !== 'start-upload' && headers.location === undefined;
  const url = isUnderWay ? place.url : relay.continueAt(headers.location, { from: place.url, status });
  const state = await relay.seal(repository, { url: url.href, size });
  const ns = sourceHost === undefined ? '' : `&ns=${encodeURIComponent(sourceHost)}`;
  return context.locate(`/v2/${request.repository}/blobs/uploads/relay?_state=${state}${ns}`);
}

function digestOf(request: WriteRequest): string | undefined {
  if (request.kind === 'start-upload') return request.mount ?? request.digest;
  if (request.kind === 'put-manifest') return referenceText(request.reference);
  return 'digest' in request ? request.digest : undefined;
}
