import { once } from 'node:events';
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net';

/** @param nth 1 for the first request of the connection */
export type Respond = (socket: Socket, request: { readonly head: string; readonly nth: number }) => void;

/** A server that sends exactly what a test wants: it reads heads of requests without a body, and nothing else. */
export async function startWire(
  respond: Respond,
  createServer: (onSocket: (socket: Socket) => void) => Server = createTcpServer,
) {
  const sockets = new Set<Socket>();
  const requests: string[] = [];
  const counts = { connections: 0 };
  const server = createServer((socket) => {
    counts.connections++;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => undefined);
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
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    requests,
    /** Connections that are open. */
    sockets,
    /** Connections so far. */
    get connections() {
      return counts.connections;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
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
