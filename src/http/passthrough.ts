import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { pipeline } from 'node:stream/promises';

import { RegistryError } from '../oci/errors.ts';
import { referenceText } from '../oci/reference.ts';
import type { WriteRequest } from '../oci/write-request.ts';
import type { Relay } from '../registry/relay.ts';
import type { Target } from '../registry/router.ts';
import { hasStream } from './http2.ts';
import { isTooLong, type RelayBody, relayBody, type RelayLimits } from './relay-body.ts';
import { eventsOf } from './relay-events.ts';
import { type RelayPlace, relayPlace } from './relay-place.ts';
import { RelaySender } from './relay-sender.ts';
import type { RouteContext } from './route-table.ts';

/** What the client is told of the upstream's. */
const RETURNED = [
  'content-length',
  'content-type',
  'docker-content-digest',
  'docker-upload-uuid',
  'oci-chunk-min-length',
  'oci-subject',
  'oci-tag',
  'range',
  'retry-after',
] as const;

/** When a client whose token was renewed may try again. Milliseconds. */
const RETRY_AFTER_MS = 1000;

/** Distribution has the end of an upload among deletes. */
const DELETES: ReadonlySet<WriteRequest['kind']> = new Set(['delete-manifest', 'delete-blob', 'cancel-upload']);

export interface Relayed<R extends WriteRequest = WriteRequest> {
  readonly request: R;
  readonly found: Target & { readonly relay: Relay };
  readonly context: Pick<RouteContext, 'exchange' | 'mountSource' | 'locate' | 'notify'>;
  /** The `ns` parameter. */
  readonly sourceHost: string | undefined;
}

interface Answered {
  readonly answer: IncomingMessage;
  readonly status: number;
  readonly place: RelayPlace;
  readonly body: RelayBody;
  readonly isMount: boolean;
}

/** Sends writes on to an upstream: the body as it comes, with our credentials instead of the client's. */
export class Passthrough {
  readonly #limits: RelayLimits;
  readonly #sender = new RelaySender();

  constructor(limits: RelayLimits) {
    this.#limits = limits;
  }

  /** @throws {RegistryError} what the upstream cannot be asked for, or refuses to us; with status 413 for what is too large */
  async relay(relayed: Relayed): Promise<void> {
    const { request, found, context } = relayed;
    const answered = await this.#ask(relayed, mountSource(relayed));
    const size = sizeAfter(answered);
    if (answered.status < 300) {
      await found.relay.written(request, found.storedAs);
      const contentType = context.exchange.req.headers['content-type'];
      const events = eventsOf({ ...answered, request, size, contentType });
      await Promise.all(events.map((event) => context.notify(event)));
    }
    await reply(relayed, answered, size);
  }

  /** A mount that we may not have becomes an upload. */
  async #ask(relayed: Relayed, from: string | undefined): Promise<Answered> {
    const { request, found } = relayed;
    const { relay, repository } = found;
    const access = { from, deletes: DELETES.has(request.kind) };
    const authorization = await relay.authorize(repository, access);
    const place = await relayPlace(request, found, from);
    const body = await this.#bodyOf(relayed, place);
    const send = async (header: string | undefined): Promise<Answered> => {
      const own = isOwn(relay, place) ? header : undefined;
      const answer = await this.#send(relayed, { place, body, authorization: own });
      return { answer, status: answer.statusCode ?? 502, place, body, isMount: from !== undefined };
    };
    let answered = await send(authorization);
    if (isStale(answered, authorization)) {
      answered.answer.resume();
      const renewed = await relay.authorize(repository, { ...access, refused: authorization });
      // What went with the old one is gone.
      if (body.kind === 'stream') throw tokenRenewed(found);
      answered = await send(renewed);
    }
    if (answered.status !== 401 && answered.status !== 403) return answered;
    answered.answer.resume();
    if (from !== undefined && body.kind === 'bytes') return this.#ask(relayed, undefined);
    throw new RegistryError('DENIED', `${found.sourceHost} refuses it to the credentials that we have`);
  }

  async #bodyOf({ request, found, context }: Relayed, place: RelayPlace): Promise<RelayBody> {
    try {
      return await relayBody(context.exchange.req, request, { size: place.size, limits: this.#limits });
    } catch (err) {
      if (isTooLong(err)) await this.#cancel({ request, found }, place);
      throw err;
    }
  }

  async #send(
    { request, found, context }: Relayed,
    { place, body, authorization }: Pick<Answered, 'place' | 'body'> & { readonly authorization: string | undefined },
  ): Promise<IncomingMessage> {
    try {
      return await this.#sender.send(context.exchange, { relay: found.relay, url: place.url, authorization }, body);
    } catch (err) {
      if (isTooLong(err)) await this.#cancel({ request, found }, place);
      throw err;
    }
  }

  async #cancel({ request, found }: Pick<Relayed, 'request' | 'found'>, { url }: RelayPlace): Promise<void> {
    if (request.kind !== 'append-upload' && request.kind !== 'finish-upload') return;
    const { relay, repository } = found;
    const session = new URL(url);
    session.searchParams.delete('digest');
    try {
      const header = await relay.authorize(repository, { from: undefined, deletes: true });
      const authorization = isOwn(relay, { url }) ? header : undefined;
      await this.#sender.cancel({ relay, url: session, authorization });
    } catch (err) {
      if (!(err instanceof RegistryError)) throw err; // the client is to hear of what it did
    }
  }
}

/** An upload may be at another host, which is not to have our credentials. */
function isOwn(relay: Relay, { url }: Pick<RelayPlace, 'url'>): boolean {
  return url.origin === new URL(relay.remoteUrl).origin;
}

/** Whether another token may do: RFC 6750, section 3.1. */
function isStale({ answer, status }: Answered, authorization: string | undefined): boolean {
  if (status !== 401 || authorization?.startsWith('Bearer ') !== true) return false;
  return !/error="?insufficient_scope/i.test(answer.headers['www-authenticate'] ?? '');
}

function tokenRenewed({ sourceHost }: Target): RegistryError {
  const message = `the token for ${sourceHost} was renewed: send it again`;
  return new RegistryError('UNAVAILABLE', message, { retryAfterMs: RETRY_AFTER_MS });
}

/** The upstream's own name; absent when the source belongs to another registry, or the client may not pull from it: it then sends the blob. */
function mountSource({ request, found, context }: Relayed): string | undefined {
  if (request.kind !== 'start-upload' || request.mount === undefined || request.from === undefined) return undefined;
  const source = context.mountSource(request.from);
  return source?.relay === found.relay ? source.repository : undefined;
}

/** What the upstream tells counts; it writes nothing and one byte in the same way. */
function sizeAfter({ answer, place, body }: Answered): number {
  const [, end = '0'] = /^(?:bytes=)?0-(\d{1,15})$/.exec(answer.headers['range'] ?? '') ?? [];
  if (Number(end) > 0) return Number(end) + 1;
  return place.size + (body.kind === 'stream' ? body.upload.count : 0);
}

async function reply(relayed: Relayed, answered: Answered, size: number): Promise<void> {
  const { answer, status } = answered;
  const { exchange } = relayed.context;
  const told = RETURNED.map((name) => [name, answer.headers[name]]).filter(([, value]) => value !== undefined);
  const headers: OutgoingHttpHeaders = { ...exchange.commonHeaders(), ...Object.fromEntries(told) };
  const location = await locationOf(relayed, answered, size);
  if (location !== undefined) headers['location'] = location;
  // A body that was not read to its end stands before the next request.
  if (status >= 400 && !exchange.req.complete && !hasStream(exchange.res)) headers['connection'] = 'close';
  exchange.res.writeHead(status, headers);
  answer.on('data', (chunk: Buffer) => exchange.sent(chunk.length));
  await pipeline(answer, exchange.res);
}

/** Where we have it: the session goes on here, and so does what was made. */
async function locationOf(
  { request, found, sourceHost, context }: Relayed,
  { answer: { headers }, status, place }: Answered,
  size: number,
): Promise<string | undefined> {
  const { repository } = request;
  if (status === 202 || status === 204) {
    if (headers.location === undefined) return undefined;
    const state = await found.relay.seal(found.repository, { url: new URL(headers.location, place.url).href, size });
    const ns = sourceHost === undefined ? '' : `&ns=${encodeURIComponent(sourceHost)}`;
    return context.locate(`/v2/${repository}/blobs/uploads/relay?_state=${state}${ns}`);
  }
  if (status !== 201) return undefined;
  const made = headers['docker-content-digest'] ?? digestOf(request);
  const kind = request.kind === 'put-manifest' ? 'manifests' : 'blobs';
  return made === undefined ? undefined : context.locate(`/v2/${repository}/${kind}/${String(made)}`);
}

function digestOf(request: WriteRequest): string | undefined {
  if (request.kind === 'start-upload') return request.mount ?? request.digest;
  if (request.kind === 'put-manifest') return referenceText(request.reference);
  return 'digest' in request ? request.digest : undefined;
}
