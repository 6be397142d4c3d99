import type { Agent, ClientRequest, IncomingMessage, ServerResponse } from 'node:http';

import { http } from '../builtin/http.ts';
import { http2 } from '../builtin/http2.ts';
import { cutResponse, hasStream, isGone } from '../http/listen/http2.ts';
import { forwardedHeaders, responseHeaders, toHttp2Headers } from './forwarded-headers.ts';
import { formatHandedOver, HANDED_OVER, type HandedOver } from './handed-over.ts';

export interface ForwarderOptions {
  /** Socket of the main process. */
  readonly mainSocket: string;
  readonly factsOf: (req: IncomingMessage) => HandedOver;
  /** The main process did not respond. Sends an error. */
  readonly onFailed: (req: IncomingMessage, res: ServerResponse) => void;
}

/** More than the largest header that the main process sends. Bytes. */
const MAX_HEADER_SIZE = 256 * 1024;
const MAX_IDLE_CONNECTIONS = 256;

/** Forwards requests to the main process, and its responses to the clients, at the pace of both. */
export class Forwarder {
  readonly #options: ForwarderOptions;
  readonly #agent: Agent;

  constructor(options: ForwarderOptions) {
    this.#options = options;
    this.#agent = new http.Agent({ keepAlive: true, maxFreeSockets: MAX_IDLE_CONNECTIONS });
  }

  forward(req: IncomingMessage, res: ServerResponse): void {
    const onward = this.#start(req);
    onward.on('response', (response) => relayResponse(response, req, res));
    onward.on('error', () => {
      if (isGone(res) || res.writableEnded) return;
      if (res.headersSent) cutResponse(res);
      else this.#options.onFailed(req, res);
    });
    res.once('close', () => {
      if (!res.writableFinished) onward.destroy();
    });
    req.pipe(onward);
  }

  #start(req: IncomingMessage): ClientRequest {
    const facts = formatHandedOver(this.#options.factsOf(req));
    return http.request({
      agent: this.#agent,
      socketPath: this.#options.mainSocket,
      method: req.method,
      path: req.url,
      headers: [HANDED_OVER, facts, ...forwardedHeaders(req)],
      maxHeaderSize: MAX_HEADER_SIZE,
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

function relayResponse(response: IncomingMessage, req: IncomingMessage, res: ServerResponse): void {
  if (isGone(res)) return void response.destroy();
  const { statusCode = 500, statusMessage = '' } = response;
  const headers = responseHeaders(response);
  if (hasStream(res)) {
    res.writeHead(statusCode, toHttp2Headers(headers));
    const { stream } = res;
    res.once('finish', () => req.complete || stream.close(http2().constants.NGHTTP2_NO_ERROR));
  } else res.writeHead(statusCode, statusMessage, headers);
  response.on('error', () => cutResponse(res));
  response.pipe(res);
  // The first bytes of a slow body may take a while.
  setImmediate(() => {
    if (!res.writableEnded && res.writableLength === 0) res.flushHeaders();
  });
}
