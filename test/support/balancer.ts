import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** TCP, one target after the other; a target that is gone is passed over. */
export async function startBalancer(ports: readonly number[]) {
  let next = 0;
  const live = new Set<Socket>();
  const forward = (client: Socket, triesLeft: number): void => {
    const target = connect({ port: ports[next++ % ports.length] ?? 0, host: '127.0.0.1' });
    live.add(target);
    target.once('close', () => live.delete(target));
    target.once('connect', () => {
      client.pipe(target).pipe(client);
      // What has come is still to be passed on.
      target.once('close', () => client.destroySoon());
      client.once('close', () => target.destroy());
    });
    target.on('error', () => {
      if (target.bytesRead === 0 && target.connecting && triesLeft > 0) forward(client, triesLeft - 1);
      else client.destroy();
    });
  };
  const server = createServer((client) => {
    live.add(client);
    client.on('error', () => {}).once('close', () => live.delete(client));
    forward(client, ports.length);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of live) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
