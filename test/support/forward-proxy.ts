import { once } from 'node:events';
import { createServer, request } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';

/**
 * An HTTP proxy that does what it is asked and remembers it: `CONNECT host:port` or `GET http://…`. While it is silent it takes connections
 * and requests, and answers none: before a tunnel is made, or behind it.
 */
export async function startForwardProxy() {
  const lines: string[] = [];
  let silent: 'before-tunnel' | 'behind-tunnel' | undefined;
  const server = createServer((req, res) => {
    lines.push(`${req.method} ${req.url} ${req.headers['proxy-authorization'] ?? ''}`.trim());
    if (silent) return;
    const headers = { ...req.headers, via: '1.1 proxy' };
    request(req.url ?? '', { method: req.method, headers }, (answer) => {
      res.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(res);
    }).end();
  });
  server.on('connect', (req, socket) => {
    lines.push(`${req.method} ${req.url} ${req.headers['proxy-authorization'] ?? ''}`.trim());
    socket.on('error', () => undefined);
    if (silent) {
      if (silent === 'behind-tunnel') socket.write('HTTP/1.1 200 OK\r\n\r\n');
      // Read on, to notice when the client ends.
      socket.on('end', () => socket.end()).resume();
      return;
    }
    const [host, port] = (req.url ?? '').split(':');
    const onward = connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      socket.pipe(onward).pipe(socket);
    });
    onward.on('error', () => undefined);
    socket.on('close', () => onward.destroy());
  });
  // Connections that were handed over with CONNECT are no longer the server's to close.
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    lines,
    /** Open connections, with those behind tunnels. */
    get connections() {
      return sockets.size;
    },
    silence(when: 'before-tunnel' | 'behind-tunnel') {
      silent = when;
    },
    /** Of connections that are open now; new ones are taken. */
    endTunnels() {
      for (const socket of sockets) socket.destroy();
    },
    speak() {
      silent = undefined;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
