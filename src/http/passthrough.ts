import type { EventEmitter } from 'node:events';
import { Agent as HttpAgent, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { pipeline } from 'node:stream/promises';

import httpProxy from 'http-proxy';

import { RegistryError } from '../oci/errors.ts';
import { referenceText } from '../oci/reference.ts';
import type { WriteRequest } from '../oci/write-request.ts';
import type { Relay } from '../registry/relay.ts';
import type { Target } from '../registry/router.ts';
import type { Exchange } from './exchange.ts';
import { hasStream } from './http2.ts';
import type { RouteContext } from './route-table.ts';

/** What the upstream is told of the client's headers; not who the client is, nor what it may do here. */
const SENT = new Set(['accept', 'content-length', 'content-range', 'content-type', 'transfer-encoding', 'user-agent']);

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

/** The end of an upload is answered when the upstream has put it in its place. Milliseconds. */
const ANSWER_MS = 15 * 60_000;

export interface Relayed<R extends WriteRequest = WriteRequest> {
  readonly request: R;
  readonly found: Target & { readonly relay: Relay };
  readonly context: Pick<RouteContext, 'exchange' | 'target' | 'locate' | 'mayPull'>;
  /** The `ns` parameter. */
  readonly sourceHost: string | undefined;
}

/** Sends writes on to an upstream: the body as it comes, with our credentials instead of the client's. */
export class Passthrough {
  readonly #agents = new WeakMap<Relay, HttpAgent>();

  /** @throws {RegistryError} what the upstream cannot be asked for, or refuses to us */
  async relay(relayed: Relayed): Promise<void> {
    const { request, found, context } = relayed;
    const { relay } = found;
    const from = mountSource(relayed);
    const authorization = await relay.authorize(found.repository, from);
    const url = await upstreamUrl(relayed, from);
    const isForeign = url.origin !== new URL(relay.remoteUrl).origin;
    const root = context.locate(''); // before the client's headers are gone
    const answer = await this.#send(context.exchange, {
      url,
      relay,
      authorization: isForeign ? undefined : authorization,
    });
    const status = answer.statusCode ?? 502;
    if (status === 401 || status === 403) {
      answer.resume();
      throw new RegistryError('DENIED', `${found.sourceHost} refuses it to the credentials that we have`);
    }
    if (status < 300) await relay.written(request, found.storedAs);
    await reply(relayed, answer, { url, root });
  }

  async #send(
    { req, res }: Exchange,
    {
      url,
      relay,
      authorization,
    }: { readonly url: URL; readonly relay: Relay; readonly authorization: string | undefined },
  ): Promise<IncomingMessage> {
    // Here and not when the request goes out, where the library does not ask if the client sent `Expect`.
    for (const name of Object.keys(req.headers)) if (!SENT.has(name)) delete req.headers[name];
    const proxy = httpProxy.createProxyServer({ selfHandleResponse: true, ignorePath: true, changeOrigin: true });
    const answered = firstAnswer(proxy);
    proxy.web(req, res, {
      target: url.href,
      agent: this.#agentOf(relay, url),
      secure: !relay.tls.insecure,
      proxyTimeout: ANSWER_MS,
      ...(relay.tls.ca !== undefined && { ca: relay.tls.ca }),
      ...(authorization !== undefined && { headers: { authorization } }),
    });
    try {
      return await answered;
    } catch (cause) {
      throw new RegistryError('UNAVAILABLE', 'the upstream cannot be reached', { status: 502, cause });
    }
  }

  #agentOf(relay: Relay, { protocol }: URL): HttpAgent | HttpsAgent {
    let agent = this.#agents.get(relay);
    const isSecure = protocol === 'https:';
    if (agent === undefined || agent instanceof HttpsAgent !== isSecure) {
      const { ca, insecure } = relay.tls;
      agent = isSecure
        ? new HttpsAgent({ keepAlive: true, rejectUnauthorized: !insecure, ...(ca !== undefined && { ca }) })
        : new HttpAgent({ keepAlive: true });
      this.#agents.set(relay, agent);
    }
    return agent;
  }
}

/** @throws {Error} when the upstream breaks off before, or the client goes away */
function firstAnswer(proxy: EventEmitter): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    proxy.on('proxyRes', (answer: IncomingMessage) => resolve(answer));
    // For good: an upstream may answer and break off while the body is still on its way to it, and the library throws what nobody listens to.
    proxy.on('error', reject);
    proxy.on('econnreset', reject);
  });
}

/** In the upstream's words; undefined when it is not one of its names, or the client may not have it: it sends the blob then. */
function mountSource({ request, found, context }: Relayed): string | undefined {
  if (request.kind !== 'start-upload' || request.mount === undefined || request.from === undefined) return undefined;
  if (!context.mayPull(request.from)) return undefined;
  const source = context.target(request.from);
  return source.relay === found.relay ? source.repository : undefined;
}

async function upstreamUrl({ request, found }: Relayed, from: string | undefined): Promise<URL> {
  const { relay, repository } = found;
  const at = (path: string) => new URL(`${relay.remoteUrl}/v2/${repository}/${path}`);
  switch (request.kind) {
    case 'start-upload': {
      const url = at('blobs/uploads/');
      if (request.digest) url.searchParams.set('digest', request.digest);
      if (!request.mount || from === undefined) return url;
      url.searchParams.set('mount', request.mount);
      url.searchParams.set('from', from);
      return url;
    }
    case 'put-manifest':
    case 'delete-manifest': {
      const url = at(`manifests/${referenceText(request.reference)}`);
      for (const tag of request.kind === 'put-manifest' ? request.tags : []) url.searchParams.append('tag', tag);
      return url;
    }
    case 'delete-blob':
      return at(`blobs/${request.digest}`);
    default: {
      const url = new URL(await relay.unseal(repository, request.upload.state));
      if (request.kind === 'finish-upload') url.searchParams.set('digest', request.digest);
      return url;
    }
  }
}

async function reply(relayed: Relayed, answer: IncomingMessage, place: { url: URL; root: string }): Promise<void> {
  const { exchange } = relayed.context;
  const told = RETURNED.map((name) => [name, answer.headers[name]]).filter(([, value]) => value !== undefined);
  const headers: OutgoingHttpHeaders = { ...exchange.commonHeaders(), ...Object.fromEntries(told) };
  const location = await locationOf(relayed, answer, place);
  if (location !== undefined) headers['location'] = location;
  const status = answer.statusCode ?? 502;
  // A body that was not read to its end stands before the next request.
  if (status >= 400 && !exchange.req.complete && !hasStream(exchange.res)) headers['connection'] = 'close';
  exchange.res.writeHead(status, headers);
  answer.on('data', (chunk: Buffer) => exchange.sent(chunk.length));
  await pipeline(answer, exchange.res);
}

/** Where we have it: the session goes on here, and so does what was made. */
async function locationOf(
  { request, found, sourceHost }: Relayed,
  { headers, statusCode = 0 }: IncomingMessage,
  { url, root }: { readonly url: URL; readonly root: string },
): Promise<string | undefined> {
  const { repository } = request;
  if (statusCode === 202 || statusCode === 204) {
    if (headers.location === undefined) return undefined;
    const state = await found.relay.seal(found.repository, new URL(headers.location, url).href);
    const ns = sourceHost === undefined ? '' : `&ns=${encodeURIComponent(sourceHost)}`;
    return `${root}/v2/${repository}/blobs/uploads/relay?_state=${state}${ns}`;
  }
  if (statusCode !== 201) return undefined;
  const made = headers['docker-content-digest'] ?? digestOf(request);
  const kind = request.kind === 'put-manifest' ? 'manifests' : 'blobs';
  return made === undefined ? undefined : `${root}/v2/${repository}/${kind}/${String(made)}`;
}

function digestOf(request: WriteRequest): string | undefined {
  if (request.kind === 'start-upload') return request.mount ?? request.digest;
  if (request.kind === 'put-manifest') return referenceText(request.reference);
  return 'digest' in request ? request.digest : undefined;
}
