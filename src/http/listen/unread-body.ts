import type { IncomingMessage, ServerResponse } from 'node:http';
import { constants } from 'node:http2';

import { hasStream, isHttp2 } from './http2.ts';

/** How much of a body that nobody wants is read all the same, so that the connection can be used again; as Go. Bytes. */
const WORTH_READING = 256 * 1024;

/** How long a client may go on sending after its answer, so that it can read that. Milliseconds. */
const LINGER_MS = 2000;

/** Whether so much of the request's body is still to come that its connection had better end. */
export function hasLongRest(req: IncomingMessage): boolean {
  if (isHttp2(req) || req.complete) return false;
  if (req.headers['transfer-encoding'] !== undefined) return true;
  return Number(req.headers['content-length'] ?? 0) > WORTH_READING;
}

/**
 * Ends an answer that does not wait for the rest of its request.
 *
 * With HTTP/1 the client may still be sending. Were the connection closed at once, the system would reset it for the bytes that nobody
 * reads, and the client would often lose the answer; so they are read and dropped for a while. With HTTP/2 the client is told to stop.
 */
export function endEarly(req: IncomingMessage, res: ServerResponse, body: Buffer): void {
  if (hasStream(res)) {
    res.end(body);
    const { stream } = res;
    if (!req.complete) res.once('finish', () => stream.close(constants.NGHTTP2_NO_ERROR));
  } else if (hasLongRest(req)) {
    res.write(body);
    const end = () => res.end();
    const lingering = setTimeout(end, LINGER_MS);
    req.once('end', end);
    res.once('close', () => clearTimeout(lingering));
    req.resume();
  } else {
    res.end(body);
    // What is left of it would stand before the next request.
    if (!req.complete) req.resume();
  }
}
