import type { IncomingMessage } from 'node:http';

import { RegistryError } from '../../oci/errors.ts';
import type { WriteRequest } from '../../oci/write-request.ts';
import type { Relay } from '../../pull-through/relay.ts';
import type { Target } from '../../pull-through/router.ts';
import type { RelayedWrite, WritePassthrough } from '../v2/write-passthrough.ts';
import { discard } from './relay-response-body.ts';
import { isTooLong, type RelayBody, relayBody, type RelayLimits } from './relay-body.ts';
import { eventsOf } from './relay-events.ts';
import { type RelayLocation, findRelayLocation } from './relay-location.ts';
import { isAccepted, type RelayResponse, respondRelayed } from './relay-response.ts';
import { RelaySender } from './relay-sender.ts';

/** `Retry-After` when credentials were renewed. Milliseconds. */
const RETRY_AFTER_MS = 1000;

/** Distribution treats the cancellation of an upload as a delete. */
const DELETES: ReadonlySet<WriteRequest['kind']> = new Set(['delete-manifest', 'delete-blob', 'cancel-upload']);

/** Forwards writes to an upstream: streams the body, with Layover's credentials instead of the client's. */
export class Passthrough implements WritePassthrough {
  readonly #limits: RelayLimits;
  readonly #sender = new RelaySender();

  constructor(limits: RelayLimits) {
    this.#limits = limits;
  }

  /** @throws {RegistryError} when the upstream cannot be reached or refuses the credentials; with status 413 for a body that is too large */
  async relay(relayed: RelayedWrite): Promise<void> {
    const { request, found, context } = relayed;
    const received = await this.#send(relayed, mountSource(relayed));
    const size = sizeAfter(received);
    if (isAccepted(relayed, received)) {
      await found.relay.written(request, found.storedAs);
      const contentType = context.exchange.req.headers['content-type'];
      const events = eventsOf({ ...received, request, size, contentType });
      await Promise.all(events.map((event) => context.notify(event)));
    }
    await respondRelayed(relayed, received, size);
  }

  /** Retries a mount that the upstream refuses as an upload. */
  async #send(relayed: RelayedWrite, from: string | undefined): Promise<RelayResponse> {
    const { request, found } = relayed;
    const { relay, repository } = found;
    const access = { from, deletes: DELETES.has(request.kind) };
    const authorization = await relay.authorize(repository, access);
    const location = await findRelayLocation(request, found, from);
    const body = await this.#bodyOf(relayed, location);
    const send = async (header: string | undefined): Promise<RelayResponse> => {
      const own = relay.isOwn(location.url) ? header : undefined;
      const response = await this.#sendOnce(relayed, { location, body, authorization: own });
      return { response, status: response.statusCode ?? 502, location, body, isMount: from !== undefined };
    };
    let received = await send(authorization);
    const renewed = isStale(received, authorization, relay)
      ? await relay.authorize(repository, { ...access, refused: authorization })
      : undefined;
    if (renewed !== undefined) {
      discard(received.response);
      // The body was sent with the old ones.
      if (body.kind === 'stream') throw credentialsRenewed(found);
      received = await send(renewed);
    }
    if (received.status !== 401 && received.status !== 403) return received;
    discard(received.response);
    if (from !== undefined && body.kind === 'bytes') return this.#send(relayed, undefined);
    throw refused(found);
  }

  async #bodyOf({ request, found, context }: RelayedWrite, location: RelayLocation): Promise<RelayBody> {
    try {
      found.relay.throwIfDenied(request, found.storedAs);
      const body = await relayBody(context.exchange.req, request, { size: location.size, limits: this.#limits });
      if (body.kind === 'bytes') found.relay.throwIfDenied(request, found.storedAs, body.bytes);
      return body;
    } catch (err) {
      if (isTooLong(err) || isDenied(err)) await this.#cancel({ request, found }, location);
      throw err;
    }
  }

  async #sendOnce(
    { request, found, context }: RelayedWrite,
    {
      location,
      body,
      authorization,
    }: Pick<RelayResponse, 'location' | 'body'> & { readonly authorization: string | undefined },
  ): Promise<IncomingMessage> {
    try {
      return await this.#sender.send(context.exchange, { relay: found.relay, url: location.url, authorization }, body);
    } catch (err) {
      if (isTooLong(err)) await this.#cancel({ request, found }, location);
      throw err;
    }
  }

  async #cancel({ request, found }: Pick<RelayedWrite, 'request' | 'found'>, { url }: RelayLocation): Promise<void> {
    if (request.kind !== 'append-upload' && request.kind !== 'finish-upload') return;
    const { relay, repository } = found;
    const session = new URL(url);
    session.searchParams.delete('digest');
    try {
      const header = await relay.authorize(repository, { from: undefined, deletes: true });
      const authorization = relay.isOwn(url) ? header : undefined;
      await this.#sender.cancel({ relay, url: session, authorization });
    } catch (err) {
      if (!(err instanceof RegistryError)) throw err; // the client needs the error that caused this
    }
  }
}

/** Whether a new token may be accepted (RFC 6750, section 3.1), or a new password: that of a credential helper may have expired. */
function isStale(
  { response, status, location }: RelayResponse,
  authorization: string | undefined,
  relay: Relay,
): boolean {
  if (!relay.isOwn(location.url)) return false;
  if (authorization?.startsWith('Basic ')) return status === 401 || status === 403;
  if (status !== 401 || authorization?.startsWith('Bearer ') !== true) return false;
  return !/error="?insufficient_scope/i.test(response.headers['www-authenticate'] ?? '');
}

function isDenied(err: unknown): boolean {
  return err instanceof RegistryError && err.code === 'DENIED';
}

function refused({ sourceHost }: Target): RegistryError {
  return new RegistryError('DENIED', `${sourceHost} denied the configured credentials`);
}

function credentialsRenewed({ sourceHost }: Target): RegistryError {
  const message = `the credentials for ${sourceHost} were renewed: retry the request`;
  return new RegistryError('UNAVAILABLE', message, { retryAfterMs: RETRY_AFTER_MS });
}

/** Name at the upstream. Absent when the source belongs to another registry, or the client may not pull from it: it then sends the blob. */
function mountSource({ request, found, context }: RelayedWrite): string | undefined {
  if (request.kind !== 'start-upload' || request.mount === undefined || request.from === undefined) return undefined;
  const source = context.mountSource(request.from);
  return source?.relay === found.relay ? source.repository : undefined;
}

/** The size that the upstream reports, except `0-0`, which stands for no byte and for one. */
function sizeAfter({ response, location, body }: RelayResponse): number {
  const [, end = '0'] = /^(?:bytes=)?0-(\d{1,15})$/.exec(response.headers['range'] ?? '') ?? [];
  if (Number(end) > 0) return Number(end) + 1;
  return location.size + (body.kind === 'stream' ? body.upload.count : 0);
}
