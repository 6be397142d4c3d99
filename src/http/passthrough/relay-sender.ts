import { type EventEmitter, once } from 'node:events';
import { type ClientRequest, Agent as HttpAgent, type IncomingMessage, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';

import httpProxy from 'http-proxy';

import { RegistryError } from '../../oci/errors.ts';
import type { Relay } from '../../pull-through/relay.ts';
import type { Exchange } from '../v2/exchange.ts';
import { isTooLong, type RelayBody, streamOf } from './relay-body.ts';

/** What the upstream is told of the client's headers; not who the client is, nor what it may do here. */
const SENT = new Set(['accept', 'content-length', 'content-range', 'content-type', 'transfer-encoding', 'user-agent']);

/** The end of an upload is answered when the upstream has put it in its place. Milliseconds. */
const ANSWER_MS = 15 * 60_000;

export interface Sending {
  readonly relay: Relay;
  readonly url: URL;
  readonly authorization: string | undefined;
}

/** The connections by which writes are sent on. */
export class RelaySender {
  readonly #agents = new WeakMap<Relay, Map<string, HttpAgent>>();

  /** @throws {RegistryError} `UNAVAILABLE` with status 502 when it cannot be reached; what the body failed with */
  async send({ req, res }: Exchange, sending: Sending, body: RelayBody): Promise<IncomingMessage> {
    const { relay, url, authorization } = sending;
    const headers = { ...req.headers };
    // Here and not when the request goes out, where the library does not ask if the client sent `Expect`.
    // What HTTP/2 has for a request line stays: the method is read from there, and the library sends none of it.
    for (const name of Object.keys(headers)) if (!SENT.has(name) && !name.startsWith(':')) delete req.headers[name];
    if (body.kind === 'bytes') setLength(req, body.bytes.length);
    const proxy = httpProxy.createProxyServer({ selfHandleResponse: true, ignorePath: true, changeOrigin: true });
    const buffer = streamOf(req, body);
    const answered = answerOf(proxy, buffer);
    proxy.web(req, res, {
      target: url.href,
      agent: this.#agentOf(relay, url),
      secure: !relay.tls.insecure,
      proxyTimeout: ANSWER_MS,
      buffer,
      ...(authorization !== undefined && { headers: { authorization } }),
    });
    try {
      return await answered;
    } catch (cause) {
      if (isTooLong(cause)) throw cause;
      throw new RegistryError('UNAVAILABLE', 'the upstream cannot be reached', { status: 502, cause });
    } finally {
      Object.assign(req.headers, headers);
    }
  }

  /** Takes back an upload of which nobody will hear again. It is no harm when that fails: the upstream purges it. */
  async cancel({ relay, url, authorization }: Sending): Promise<void> {
    const make = url.protocol === 'https:' ? httpsRequest : httpRequest;
    const headers = { 'content-length': 0, ...(authorization !== undefined && { authorization }) };
    const signal = AbortSignal.timeout(relay.timeouts.headersMs);
    try {
      const asking = make(url, { method: 'DELETE', headers, agent: this.#agentOf(relay, url), signal }).end();
      const [answer] = (await once(asking, 'response')) as [IncomingMessage];
      answer.resume();
    } catch {
      // As above.
    }
  }

  #agentOf(relay: Relay, url: URL): HttpAgent {
    const agents = this.#agents.get(relay) ?? new Map<string, HttpAgent>();
    this.#agents.set(relay, agents);
    const key = `${url.protocol} ${relay.isOwn(url) ? 'own' : 'foreign'}`;
    const agent = agents.get(key) ?? createAgent(relay, url);
    agents.set(key, agent);
    return agent;
  }
}

/** Connections to other hosts are not kept: the upstream names as many as it likes. */
function createAgent(relay: Relay, url: URL): HttpAgent {
  const connections = relay.isOwn(url) ? { keepAlive: true } : { keepAlive: false, lookup: relay.lookup };
  if (url.protocol !== 'https:') return new HttpAgent(connections);
  const { ca, insecure } = relay.tls;
  return new HttpsAgent({ ...connections, rejectUnauthorized: !insecure, ...(ca !== undefined && { ca: [...ca] }) });
}

function setLength(req: IncomingMessage, length: number): void {
  delete req.headers['transfer-encoding'];
  if (length > 0 || req.method !== 'GET') req.headers['content-length'] = String(length);
}

/** Fails with what reading the body failed with, and ends the request then. */
function answerOf(proxy: EventEmitter, body: NodeJS.ReadableStream): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    let outgoing: ClientRequest | undefined;
    let failure: Error | undefined;
    proxy.on('proxyReq', (request: ClientRequest) => {
      outgoing = request;
      if (failure) request.destroy();
    });
    body.on('error', (err: Error) => {
      failure = err;
      outgoing?.destroy();
      reject(err);
    });
    proxy.on('proxyRes', resolve);
    // For good: an upstream may answer and break off while the body is still on its way to it, and the library throws what nobody listens to.
    proxy.on('error', reject);
    proxy.on('econnreset', reject); // the client is gone
  });
}
