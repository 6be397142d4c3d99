import type { Socket } from 'node:net';

import { startTcp } from './tcp-server.ts';

/** @param nth 1 for the first request of the connection */
export type Respond = (socket: Socket, request: { readonly head: string; readonly nth: number }) => void;

/** A server that sends exactly what a test wants: it reads heads of requests without a body, and nothing else. */
export async function startWire(respond: Respond, createServer?: Parameters<typeof startTcp>[1]) {
  const requests: string[] = [];
  const counts = { connections: 0 };
  const server = await startTcp((socket) => {
    counts.connections++;
    let [received, nth] = ['', 0];
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1');
      for (let end = received.indexOf('\r\n\r\n'); end !== -1; end = received.indexOf('\r\n\r\n')) {
        const head = received.slice(0, end);
        received = received.slice(end + 4);
        requests.push(head);
        respond(socket, { head, nth: ++nth });
      }
    });
  }, createServer);
  return {
    ...server,
    requests,
    /** Connections so far. */
    get connections() {
      return counts.connections;
    },
  };
}

/** A plain response. */
export function plain(body: Buffer, fields = '', status = '200 OK'): Buffer {
  return Buffer.concat([
    Buffer.from(`HTTP/1.1 ${status}\r\nContent-Length: ${body.length}\r\n${fields}\r\n`, 'latin1'),
    body,
  ]);
}
