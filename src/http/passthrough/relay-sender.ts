import { type EventEmitter, once } from 'node:events';
import type { Agent as HttpAgent, ClientRequest, IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';

import httpProxy from 'http-proxy';

import { http } from '../../builtin/http.ts';
import { RegistryError } from '../../oci/errors.ts';
import type { Relay } from '../../pull-through/relay.ts';
import type { Exchange } from '../v2/exchange.ts';
import { isTooLong, type RelayBody, streamOf } from './relay-body.ts';

/** Headers of the client that are sent to the upstream; none that identify or authorize the client. */
const SENT = new Set(['accept', 'content-length', 'content-range', 'content-type', 'transfer-encoding', 'user-agent']);

/** The upstream responds to the end of an upload after it has stored the blob. Milliseconds. */
const RESPONSE_MS = 15 * 60_000;

export interface Sending {
  readonly relay: Relay;
  readonly url: URL;
  readonly authorization: string | undefined;
}

/** Sends writes to upstreams, and keeps the connections. */
export class RelaySender {
  readonly #agents = new WeakMap<Relay, Map<string, HttpAgent>>();

  /** @throws {RegistryError} `UNAVAILABLE` with status 502 when the upstream cannot be reached; the errors of the body */
  async send({ req, res }: Exchange, sending: Sending, body: RelayBody): Promise<IncomingMessage> {
    const { relay, url, authorization } = sending;
    const headers = { ...req.headers };
    // Removed here because the library's hook is not called for a request with `Expect`.
    // Pseudo-headers of HTTP/2 stay: the method is read from them, and the library does not send them.
    for (const name of Object.keys(headers)) if (!SENT.has(name) && !name.startsWith(':')) delete req.headers[name];
    if (body.kind === 'bytes') setLength(req, body.bytes.length);
    const proxy = httpProxy.createProxyServer({ selfHandleResponse: true, ignorePath: true, changeOrigin: true });
    const buffer = streamOf(req, body);
    const received = responseOf(proxy, buffer);
    proxy.web(req, res, {
      target: url.href,
      agent: this.#agentOf(relay, url),
      secure: !relay.tls.insecure,
      proxyTimeout: RESPONSE_MS,
      buffer,
      ...(authorization !== undefined && { headers: { authorization } }),
    });
    try {
      return await received;
    } catch (cause) {
      if (isTooLong(cause)) throw cause;
      throw new RegistryError('UNAVAILABLE', 'the upstream cannot be reached', { status: 502, cause });
    } finally {
      Object.assign(req.headers, headers);
    }
  }

  /** Cancels an upload that the client cannot continue. A failure is ignored: the upstream purges the upload. */
  async cancel({ relay, url, authorization }: Sending): Promise<void> {
    const make = url.protocol === 'https:' ? httpsRequest : http.request;
    const headers = { 'content-length': 0, ...(authorization !== undefined && { authorization }) };
    const signal = AbortSignal.timeout(relay.timeouts.headersMs);
    try {
      const request = make(url, { method: 'DELETE', headers, agent: this.#agentOf(relay, url), signal }).end();
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      response.resume();
    } catch {
      // The upstream purges the upload.
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

/** Connections to other hosts are not kept: an upstream may redirect to any number of them. */
function createAgent(relay: Relay, url: URL): HttpAgent {
  const connections = relay.isOwn(url) ? { keepAlive: true } : { keepAlive: false, lookup: relay.lookup };
  if (url.protocol !== 'https:') return new http.Agent(connections);
  const { ca, insecure } = relay.tls;
  return new HttpsAgent({ ...connections, rejectUnauthorized: !insecure, ...(ca !== undefined && { ca: [...ca] }) });
}

function setLength(req: IncomingMessage, length: number): void {
  delete req.headers['transfer-encoding'];
  if (length > 0 || req.method !== 'GET') req.headers['content-length'] = String(length);
}

/** Rejects with the error of the body, and then aborts the request. */
function responseOf(proxy: EventEmitter, body: NodeJS.ReadableStream): Promise<IncomingMessage> {
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
    // These listeners stay: an upstream may respond and disconnect while the body is still sent, and the library throws unhandled errors.
    proxy.on('error', reject);
    proxy.on('econnreset', reject); // the client is gone
  });
}
