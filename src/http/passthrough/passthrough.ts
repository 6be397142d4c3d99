import type { IncomingMessage } from 'node:http';

import { RegistryError } from '../../oci/errors.ts';
import type { WriteRequest } from '../../oci/write-request.ts';
import type { Relay } from '../../pull-through/relay.ts';
import type { Target } from '../../pull-through/router.ts';
import type { RelayedWrite, WritePassthrough } from '../v2/write-passthrough.ts';
import { discard } from './relay-response-body.ts';
import { isTooLong, type RelayBody, relayBody, type RelayLimits } from './relay-body.ts';
import { eventsOf } from './relay-events.ts';
import { type RelayPlace, relayPlace } from './relay-location.ts';
import { isAccepted, type RelayResponse, replyRelayed } from './relay-response.ts';
import { RelaySender } from './relay-sender.ts';

/** When a client may try again, after credentials were renewed. Milliseconds. */
const RETRY_AFTER_MS = 1000;

/** Distribution has the end of an upload among deletes. */
const DELETES: ReadonlySet<WriteRequest['kind']> = new Set(['delete-manifest', 'delete-blob', 'cancel-upload']);

/** Sends writes on to an upstream: the body as it comes, with our credentials instead of the client's. */
export class Passthrough implements WritePassthrough {
  readonly #limits: RelayLimits;
  readonly #sender = new RelaySender();

  constructor(limits: RelayLimits) {
    this.#limits = limits;
  }

  /** @throws {RegistryError} what the upstream cannot be asked for, or refuses to us; with status 413 for what is too large */
  async relay(relayed: RelayedWrite): Promise<void> {
    const { request, found, context } = relayed;
    const answered = await this.#ask(relayed, mountSource(relayed));
    const size = sizeAfter(answered);
    if (isAccepted(relayed, answered)) {
      await found.relay.written(request, found.storedAs);
      const contentType = context.exchange.req.headers['content-type'];
      const events = eventsOf({ ...answered, request, size, contentType });
      await Promise.all(events.map((event) => context.notify(event)));
    }
    await replyRelayed(relayed, answered, size);
  }

  /** A mount that we may not have becomes an upload. */
  async #ask(relayed: RelayedWrite, from: string | undefined): Promise<RelayResponse> {
    const { request, found } = relayed;
    const { relay, repository } = found;
    const access = { from, deletes: DELETES.has(request.kind) };
    const authorization = await relay.authorize(repository, access);
    const place = await relayPlace(request, found, from);
    const body = await this.#bodyOf(relayed, place);
    const send = async (header: string | undefined): Promise<RelayResponse> => {
      const own = relay.isOwn(place.url) ? header : undefined;
      const answer = await this.#send(relayed, { place, body, authorization: own });
      return { answer, status: answer.statusCode ?? 502, place, body, isMount: from !== undefined };
    };
    let answered = await send(authorization);
    const renewed = isStale(answered, authorization, relay)
      ? await relay.authorize(repository, { ...access, refused: authorization })
      : undefined;
    if (renewed !== undefined) {
      discard(answered.answer);
      // What went with the old one is gone.
      if (body.kind === 'stream') throw credentialsRenewed(found);
      answered = await send(renewed);
    }
    if (answered.status !== 401 && answered.status !== 403) return answered;
    discard(answered.answer);
    if (from !== undefined && body.kind === 'bytes') return this.#ask(relayed, undefined);
    throw refused(found);
  }

  async #bodyOf({ request, found, context }: RelayedWrite, place: RelayPlace): Promise<RelayBody> {
    try {
      return await relayBody(context.exchange.req, request, { size: place.size, limits: this.#limits });
    } catch (err) {
      if (isTooLong(err)) await this.#cancel({ request, found }, place);
      throw err;
    }
  }

  async #send(
    { request, found, context }: RelayedWrite,
    {
      place,
      body,
      authorization,
    }: Pick<RelayResponse, 'place' | 'body'> & { readonly authorization: string | undefined },
  ): Promise<IncomingMessage> {
    try {
      return await this.#sender.send(context.exchange, { relay: found.relay, url: place.url, authorization }, body);
    } catch (err) {
      if (isTooLong(err)) await this.#cancel({ request, found }, place);
      throw err;
    }
  }

  async #cancel({ request, found }: Pick<RelayedWrite, 'request' | 'found'>, { url }: RelayPlace): Promise<void> {
    if (request.kind !== 'append-upload' && request.kind !== 'finish-upload') return;
    const { relay, repository } = found;
    const session = new URL(url);
    session.searchParams.delete('digest');
    try {
      const header = await relay.authorize(repository, { from: undefined, deletes: true });
      const authorization = relay.isOwn(url) ? header : undefined;
      await this.#sender.cancel({ relay, url: session, authorization });
    } catch (err) {
      if (!(err instanceof RegistryError)) throw err; // the client is to hear of what it did
    }
  }
}

/** Whether another token may do (RFC 6750, section 3.1), or another password, as that of a helper may have expired. */
function isStale({ answer, status, place }: RelayResponse, authorization: string | undefined, relay: Relay): boolean {
  if (!relay.isOwn(place.url)) return false;
  if (authorization?.startsWith('Basic ')) return status === 401 || status === 403;
  if (status !== 401 || authorization?.startsWith('Bearer ') !== true) return false;
  return !/error="?insufficient_scope/i.test(answer.headers['www-authenticate'] ?? '');
}

function refused({ sourceHost }: Target): RegistryError {
  return new RegistryError('DENIED', `${sourceHost} refuses it to the credentials that we have`);
}

function credentialsRenewed({ sourceHost }: Target): RegistryError {
  const message = `the credentials for ${sourceHost} were renewed: send it again`;
  return new RegistryError('UNAVAILABLE', message, { retryAfterMs: RETRY_AFTER_MS });
}

/** The upstream's own name; absent when the source belongs to another registry, or the client may not pull from it: it then sends the blob. */
function mountSource({ request, found, context }: RelayedWrite): string | undefined {
  if (request.kind !== 'start-upload' || request.mount === undefined || request.from === undefined) return undefined;
  const source = context.mountSource(request.from);
  return source?.relay === found.relay ? source.repository : undefined;
}

/** What the upstream tells counts; it writes nothing and one byte in the same way. */
function sizeAfter({ answer, place, body }: RelayResponse): number {
  const [, end = '0'] = /^(?:bytes=)?0-(\d{1,15})$/.exec(answer.headers['range'] ?? '') ?? [];
  if (Number(end) > 0) return Number(end) + 1;
  return place.size + (body.kind === 'stream' ? body.upload.count : 0);
}
