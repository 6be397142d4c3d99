import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Http2Server, ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';

import { http2 } from '../../builtin/http2.ts';
import { cutStalledStream } from './stalled-clients.ts';

export interface Http2Options {
  readonly maxHeaderSize: number;
  readonly stallMs: number;
  /** Time without a stream after which a session is closed. Milliseconds. */
  readonly idleMs: number;
  readonly onStalled: (socket: Socket | undefined) => void;
}

/** Concurrent streams per connection; the limit of Go's server. */
const MAX_STREAMS = 250;
/**
 * Bytes that a client may send on a stream before it is acknowledged. With the default of 64 KiB an upload waits for every round trip.
 * It is also the memory that a stream of a client can occupy.
 */
const WINDOW_BYTES = 1024 * 1024;
/**
 * Megabytes of a connection's streams above which Node refuses new ones. A blob in transfer holds a buffer of 1 MiB, so that Node's
 * default of 10 would limit a client to nine blobs.
 */
const MAX_SESSION_MEGABYTES = 2 * MAX_STREAMS;

/** Serves HTTP/2 on connections that it is given. */
export class Http2 {
  /** Open sessions. */
  readonly sessions = new Set<ServerHttp2Session>();
  readonly #onRequest: RequestListener;
  readonly #options: Http2Options;
  /** Absent before the first connection. */
  #server: Http2Server | undefined;

  constructor(onRequest: RequestListener, options: Http2Options) {
    this.#onRequest = onRequest;
    this.#options = options;
  }

  /** @param socket a connection from which no byte has been read */
  serve(socket: Socket): void {
    this.#server ??= this.#createServer();
    this.#server.emit('connection', socket);
  }

  #createServer(): Http2Server {
    const { maxHeaderSize, stallMs, onStalled } = this.#options;
    const server = http2().createServer(
      {
        maxSessionMemory: MAX_SESSION_MEGABYTES,
        settings: {
          maxConcurrentStreams: MAX_STREAMS,
          initialWindowSize: WINDOW_BYTES,
          maxHeaderListSize: maxHeaderSize,
        },
      },
      // The compatibility API has the members that the handlers use.
      (req, res) => {
        // A stream may be reset by the packet that opened it.
        if (!res.stream.destroyed) this.#onRequest(req as unknown as IncomingMessage, res as unknown as ServerResponse);
      },
    );
    server.on('session', (session) => this.#opened(session));
    server.on('stream', (stream) => {
      cutStalledStream(stream, stallMs, () => onStalled(stream.session?.socket));
    });
    // The streams end with the session.
    server.on('sessionError', () => {});
    return server;
  }

  #opened(session: ServerHttp2Session): void {
    const { idleMs } = this.#options;
    const streams = { open: 0 };
    this.sessions.add(session);
    session.once('close', () => this.sessions.delete(session));
    session.setLocalWindowSize(WINDOW_BYTES * 4);
    session.on('stream', (stream) => {
      streams.open++;
      stream.once('close', () => streams.open--);
    });
    session.setTimeout(idleMs);
    session.on('timeout', () => {
      // GOAWAY may not reach a client that has stopped reading.
      if (session.closed && streams.open === 0) session.destroy();
      else if (streams.open === 0) session.close();
      session.setTimeout(idleMs);
    });
  }
}

export function isHttp2(req: IncomingMessage): boolean {
  return req.httpVersionMajor === 2;
}

export function hasStream<T extends IncomingMessage | ServerResponse>(
  message: T,
): message is T & { readonly stream: ServerHttp2Stream } {
  return 'stream' in message;
}

/** Whether the client has disconnected. */
export function isGone(res: ServerResponse): boolean {
  return hasStream(res) ? res.stream.destroyed : res.destroyed;
}

/** Ends a response that cannot be completed, so that the client does not mistake it for a complete one. */
export function cutResponse(res: ServerResponse): void {
  if (hasStream(res)) res.stream.close(http2().constants.NGHTTP2_INTERNAL_ERROR);
  else res.destroy();
}
