import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import { seededContent } from '../test/support/content.ts';
import { Hub } from '../test/support/hub.ts';
import { Images } from '../test/support/images.ts';
import { dockerHubUpstream } from '../test/support/layover.ts';
import { get, probe, type Sample, type Server, startServer } from './growth-probe.ts';
import { pull } from './pull.ts';

export interface ConnectionScale {
  readonly idle: readonly number[];
  readonly readers: readonly number[];
  readonly blobBytes: number;
}

export const FULL_CONNECTIONS: ConnectionScale = {
  idle: [100, 1_000, 10_000],
  readers: [20, 200, 2_000],
  blobBytes: 64 * 2 ** 20,
};
export const QUICK_CONNECTIONS: ConnectionScale = { idle: [100, 1_000], readers: [20, 200], blobBytes: 16 * 2 ** 20 };

const REPOSITORY = 'library/slow';
const NO_LIMITS = { limits: { maxconnections: 0, maxconnectionsperclient: 0, maxrequestsperclient: 0 } };
/** Connections that are opened at the same time. */
const OPENED_AT_ONCE = 100;
/** How long slow readers read before others are measured. Milliseconds. */
const SLOW_MS = 3_000;

interface Row {
  readonly count: number;
  readonly megabytes: number;
  readonly others: Sample;
}

/** Connections that do nothing, and clients that hardly read. */
export async function measureConnections({ idle, readers, blobBytes }: ConnectionScale): Promise<string> {
  const images = new Images();
  const blobs = readers.map((count) => images.addBlob(REPOSITORY, seededContent(`slow ${count}`, blobBytes)).digest);
  const rows = new Map<string, Row[]>();
  const add = (work: string, row: Row) => rows.set(work, [...(rows.get(work) ?? []), row]);
  await using hub = await Hub.start(images, { challenge: 'none', redirectBlobs: false });
  for (const count of idle) {
    await using server = await startProxy(hub);
    add('idle connections', await withIdle(server, count));
  }
  for (const kind of ['warm', 'cold'] as const) {
    for (const [i, count] of readers.entries()) {
      await using server = await startProxy(hub);
      const url = `${server.url}/v2/${REPOSITORY}/blobs/${blobs[i]}`;
      if (kind === 'warm') await pull(url, blobs[i]);
      add(`slow readers of one ${kind} blob`, await withReaders(server, { url, count }));
    }
  }
  return render(rows);
}

function startProxy(hub: Hub): Promise<Server> {
  return startServer(undefined, { http: NO_LIMITS, proxy: { upstreams: [dockerHubUpstream(hub)] } });
}

async function withIdle(server: Server, count: number): Promise<Row> {
  return whileOpen(server, { path: '/v2/', count, read: async (socket) => void (await once(socket, 'data')) });
}

/** Each reads its headers, and from then on so little that the server has to wait for it all the time. */
async function withReaders(server: Server, { url, count }: { url: string; count: number }): Promise<Row> {
  const read = async (socket: Socket) => {
    await once(socket, 'data');
    socket.pause();
    const timer = setInterval(() => socket.read(16 * 1024), 500);
    socket.once('close', () => clearInterval(timer));
  };
  return whileOpen(server, { path: new URL(url).pathname, count, read, waitMs: SLOW_MS });
}

interface Opening {
  readonly path: string;
  readonly count: number;
  readonly read: (socket: Socket) => Promise<void>;
  readonly waitMs?: number;
}

/** Requests of others while the connections are open. */
async function whileOpen(server: Server, { path, count, read, waitMs = 0 }: Opening): Promise<Row> {
  const others = () => get(`${server.url}/v2/`);
  for (let i = 0; i < 50; i++) await others();
  const before = await server.rss();
  const sockets: Socket[] = [];
  const { port } = new URL(server.url);
  while (sockets.length < count) {
    const some = Array.from({ length: Math.min(OPENED_AT_ONCE, count - sockets.length) }, () =>
      connect(Number(port), '127.0.0.1'),
    );
    sockets.push(...some);
    for (const socket of some) socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`);
    await Promise.all(some.map(read));
  }
  await sleep(waitMs);
  const sample = await probe(server, others);
  const megabytes = ((await server.rss()) - before) / 1e6;
  for (const socket of sockets) socket.destroy();
  return { count, megabytes, others: sample };
}

function render(rows: ReadonlyMap<string, readonly Row[]>): string {
  const lines = [...rows].flatMap(([work, found]) =>
    found.map(({ count, megabytes, others }) => {
      const each = `${((megabytes * 1000) / count).toFixed(1)} kB`;
      const times = `${others.p50Ms.toFixed(1)} / ${others.p99Ms.toFixed(1)} ms, block ${others.blockMs.toFixed(0)} ms`;
      return `| ${count.toLocaleString('en')} ${work} | ${megabytes.toFixed(0)} MB, ${each} each | ${times} |`;
    }),
  );
  return ['| connections | memory | `/v2/` for others, p50 / p99 |', '| --- | --- | --- |', ...lines].join('\n');
}
