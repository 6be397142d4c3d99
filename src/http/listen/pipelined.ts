import type { RequestListener, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/**
 * Ends responses that wait behind others on their connection (RFC 9112, section 9.3.2) when the connection ends. Node reports the end
 * only to the response in progress; the waiting ones would never become `destroyed` or emit `close`.
 */
export function endingWithConnection(onRequest: RequestListener): RequestListener {
  const waiting = new WeakMap<Socket, Set<ServerResponse>>();
  const waitingOn = (socket: Socket): Set<ServerResponse> => {
    const known = waiting.get(socket);
    if (known) return known;
    const responses = new Set<ServerResponse>();
    waiting.set(socket, responses);
    socket.once('close', () => responses.forEach(end));
    return responses;
  };
  return (req, res) => {
    if (!res.socket) {
      const responses = waitingOn(req.socket).add(res);
      res.once('socket', () => responses.delete(res));
    }
    onRequest(req, res);
  };
}

function end(res: ServerResponse): void {
  res.destroy();
  res.emit('close');
}

/**
 * Responds to `Expect: 100-continue` (RFC 9110, section 10.1.1), for a waiting response only when its turn comes: Node would put
 * `100 Continue` between the head and the body of the one before it.
 */
export function continuing(onRequest: RequestListener): RequestListener {
  return (req, res) => {
    if (res.socket) res.writeContinue();
    else res.once('socket', () => !res.headersSent && res.writeContinue());
    onRequest(req, res);
  };
}
