import type { RequestListener, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/**
 * Looks after answers that have no connection yet, as they wait behind others on it (RFC 9112, section 9.3.2): Node tells those nothing
 * when the connection ends, so that they would never be over. To them it is told as to the others: `destroyed`, and `close`.
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
 * Answers `Expect: 100-continue`, RFC 9110, section 10.1.1. Of an answer that waits only once it is its turn: Node would put the
 * `100 Continue` between its head and its body.
 */
export function continuing(onRequest: RequestListener): RequestListener {
  return (req, res) => {
    if (res.socket) res.writeContinue();
    else res.once('socket', () => !res.headersSent && res.writeContinue());
    onRequest(req, res);
  };
}
