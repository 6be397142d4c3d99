import type { IncomingMessage, ServerResponse } from 'node:http';

import { http2 } from '../../builtin/http2.ts';
import { hasStream, isHttp2 } from './http2.ts';

/** Largest rest of a body that is read and dropped so that the connection can be reused; the limit of Go's server. Bytes. */
const MAX_DRAIN = 256 * 1024;

/** Time for the client to read its response while it still sends. Milliseconds. */
const LINGER_MS = 2000;

/** Whether ending the connection is cheaper than reading the rest of the request's body. */
export function hasLongRest(req: IncomingMessage): boolean {
  if (isHttp2(req) || req.complete) return false;
  if (req.headers['transfer-encoding'] !== undefined) return true;
  return Number(req.headers['content-length'] ?? 0) > MAX_DRAIN;
}

/**
 * Ends a response before its request is complete.
 *
 * With HTTP/1 the client may still be sending. If the connection were closed at once, the system would reset it because of the unread
 * bytes, and the client would often lose the response; they are therefore read and dropped for a while. With HTTP/2 the stream is closed.
 */
export function endEarly(req: IncomingMessage, res: ServerResponse, body: Buffer): void {
  if (hasStream(res)) {
    res.end(body);
    const { stream } = res;
    if (!req.complete) res.once('finish', () => stream.close(http2().constants.NGHTTP2_NO_ERROR));
  } else if (hasLongRest(req)) {
    res.write(body);
    const end = () => res.end();
    const lingering = setTimeout(end, LINGER_MS);
    req.once('end', end);
    res.once('close', () => clearTimeout(lingering));
    req.resume();
  } else {
    res.end(body);
    // The rest would precede the next request.
    if (!req.complete) req.resume();
  }
}
