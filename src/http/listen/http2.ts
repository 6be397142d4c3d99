import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { constants, createServer, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';

import { cutStalledStream } from './stalled-clients.ts';

export interface Http2Options {
  readonly maxHeaderSize: number;
  readonly stallMs: number;
  /** A session without a stream is closed after so long. Milliseconds. */
  readonly idleMs: number;
  readonly onStalled: (socket: Socket | undefined) => void;
}

/** Streams of one connection at the same time; as Go's. */
const MAX_STREAMS = 250;
/**
 * Bytes that a client may send on a stream before it hears from us. The default of 64 KiB makes an upload wait for each round trip.
 * It is also what a stream of a client can take in memory.
 */
const WINDOW_BYTES = 1024 * 1024;
/**
 * Megabytes of a connection's streams beyond which Node refuses new ones. A blob that is being sent holds a buffer of 1 MiB, and
 * Node's default of 10 would let a client have no more than nine at once.
 */
const MAX_SESSION_MEGABYTES = 2 * MAX_STREAMS;

/** Speaks HTTP/2 on the connections that it is given; it listens nowhere. */
export class Http2 {
  /** Those that are open. */
  readonly sessions = new Set<ServerHttp2Session>();
  readonly #server: Http2Server;

  constructor(onRequest: RequestListener, options: Http2Options) {
    const { maxHeaderSize } = options;
    this.#server = createServer(
      {
        maxSessionMemory: MAX_SESSION_MEGABYTES,
        settings: {
          maxConcurrentStreams: MAX_STREAMS,
          initialWindowSize: WINDOW_BYTES,
          maxHeaderListSize: maxHeaderSize,
        },
      },
      // The compatibility API has what the handlers use of these.
      (req, res) => {
        // A stream that was reset with the packet that opened it is not worth a handler.
        if (!res.stream.destroyed) onRequest(req as unknown as IncomingMessage, res as unknown as ServerResponse);
      },
    );
    this.#server.on('session', (session) => this.#opened(session, options));
    this.#server.on('stream', (stream) => {
      cutStalledStream(stream, options.stallMs, () => options.onStalled(stream.session?.socket));
    });
    // A session that broke has nobody left to tell; its streams end with it.
    this.#server.on('sessionError', () => {});
  }

  /** @param socket of which nothing has been read */
  serve(socket: Socket): void {
    this.#server.emit('connection', socket);
  }

  #opened(session: ServerHttp2Session, { idleMs }: Http2Options): void {
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
      // The goodbye may not get through to a client that takes nothing any more.
      if (session.closed && streams.open === 0) session.destroy();
      else if (streams.open === 0) session.close();
      session.setTimeout(idleMs);
    });
  }
}

/** Whether the request came by HTTP/2. */
export function isHttp2(req: IncomingMessage): boolean {
  return req.httpVersionMajor === 2;
}

/** Whether the answer is a stream of HTTP/2. */
export function hasStream(res: ServerResponse): res is ServerResponse & { readonly stream: ServerHttp2Stream } {
  return 'stream' in res;
}

/** Whether there is nobody left to answer. */
export function isGone(res: ServerResponse): boolean {
  return hasStream(res) ? res.stream.destroyed : res.destroyed;
}

/** Ends an answer that cannot be completed, so that the client cannot take it for a whole one. */
export function cutResponse(res: ServerResponse): void {
  if (hasStream(res)) res.stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  else res.destroy();
}
