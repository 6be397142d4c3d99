import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stdout } from 'node:process';
import { generate } from 'selfsigned';

import { childrenOf } from '../test/service/workers/scene.ts';
import { seededContent } from '../test/support/content.ts';
import { Hub } from '../test/support/hub.ts';
import { Images } from '../test/support/images.ts';
import { dockerHubUpstream, Layover } from '../test/support/layover.ts';
import { temporaryDirectory } from '../test/support/temporary-directory.ts';
import { cpuSeconds, NODE_ARGUMENTS } from './contenders.ts';
import { load } from './load.ts';
import { pull } from './pull.ts';
import { median } from './table.ts';
import type { Figure } from './shared.ts';

export interface WorkersScale {
  readonly runs: number;
  /** Of each run. */
  readonly seconds: number;
  readonly largeBytes: number;
  /** Of one cold blob. */
  readonly clients: number;
}

export const FULL_WORKERS: WorkersScale = { runs: 3, seconds: 3, largeBytes: 256 * 2 ** 20, clients: 200 };
export const QUICK_WORKERS: WorkersScale = { runs: 1, seconds: 1, largeBytes: 32 * 2 ** 20, clients: 30 };

const REPOSITORY = 'library/workers';
const CONNECTIONS = 32;

interface Server extends AsyncDisposable {
  readonly layover: Layover;
  readonly workers: number;
}

interface Measured {
  readonly perSecond: number;
  readonly cpuUs: number;
}

/** One process against two workers, one after the other within each run: the load generator shares the cores with both. */
export async function measureWorkers(scale: WorkersScale): Promise<Figure[]> {
  const images = new Images();
  const image = images.addImage(REPOSITORY, '1', { layers: [2048] });
  const [small, large] = [2500, 2 ** 20].map((size) => images.addBlob(REPOSITORY, seededContent(`${size}`, size)));
  const cold = images.addBlob(REPOSITORY, seededContent('cold', scale.largeBytes));
  await using hub = await Hub.start(images, { challenge: 'none', redirectBlobs: false });
  const manifest = `manifests/${image.digest}`;
  const rows = [
    { work: 'warm manifest by digest', path: manifest, tls: false, goal: '≥ 1.5 ×' },
    { work: 'warm manifest by digest, TLS', path: manifest, tls: true, goal: '–' },
    { work: 'warm 2.5 KB blob, TLS', path: `blobs/${small?.digest}`, tls: true, goal: '≥ 1.6 ×' },
    { work: 'warm 1 MiB blob, TLS', path: `blobs/${large?.digest}`, tls: true, goal: '≥ 1.6 ×' },
  ];
  const figures: Figure[] = [];
  for (const tls of [false, true]) {
    await using directory = await temporaryDirectory();
    const options = { hub, tls: tls ? await certificateIn(directory.path) : undefined };
    await using one = await start(1, options);
    await using two = await start(2, options);
    for (const row of rows.filter((each) => each.tls === tls)) figures.push(await compare([one, two], row, scale));
  }
  return [...figures, await coldFigure(hub, cold.digest, scale), await stampede(hub, cold.digest, scale)];
}

async function certificateIn(directory: string) {
  const { cert, private: key } = await generate([{ name: 'commonName', value: 'localhost' }]);
  const files = { certificate: join(directory, 'cert.pem'), key: join(directory, 'key.pem') };
  await writeFile(files.certificate, cert);
  await writeFile(files.key, key);
  return files;
}

interface StartOptions {
  readonly hub: Hub;
  readonly tls: { readonly certificate: string; readonly key: string } | undefined;
}

async function start(workers: number, { hub, tls }: StartOptions): Promise<Server> {
  const layover = await Layover.startProcess({
    nodeArguments: NODE_ARGUMENTS,
    config: {
      http: { workers, ...(tls && { tls }) },
      proxy: { upstreams: [dockerHubUpstream(hub, { tags: { ttl: '1h' } })] },
    },
  });
  return { layover, workers, [Symbol.asyncDispose]: () => layover[Symbol.asyncDispose]() };
}

async function compare(
  servers: readonly Server[],
  { work, path, goal }: { readonly work: string; readonly path: string; readonly goal: string },
  scale: WorkersScale,
): Promise<Figure> {
  const measured = new Map(servers.map((server) => [server, [] as Measured[]]));
  for (let run = 0; run <= scale.runs; run++) {
    for (const server of servers) {
      const url = `${server.layover.url}/v2/${REPOSITORY}/${path}`;
      // The first run fills the caches of all processes.
      const result = await measureLoad(server, url, run === 0 ? 1 : scale.seconds);
      if (run > 0) measured.get(server)?.push(result);
    }
  }
  const [one, two] = servers.map((server) => measured.get(server) ?? []);
  const of = (results: readonly Measured[] = []) => ({
    perSecond: median(results.map(({ perSecond }) => perSecond)),
    cpuUs: median(results.map(({ cpuUs }) => cpuUs)),
  });
  const [alone, both] = [of(one), of(two)];
  const text = ({ perSecond, cpuUs }: Measured) => `${Math.round(perSecond)}/s at ${cpuUs.toFixed(0)} µs CPU`;
  const figure = `one process ${text(alone)}, two workers ${text(both)}: ${(both.perSecond / alone.perSecond).toFixed(2)} ×`;
  stdout.write(`${work}: ${figure}\n`);
  return { work, figure, goal };
}

async function measureLoad({ layover }: Server, url: string, seconds: number): Promise<Measured> {
  const before = await cpuOfAll(layover.pid);
  const result = await load(url, { connections: CONNECTIONS, seconds });
  const used = (await cpuOfAll(layover.pid)) - before;
  if (!result || result.errors > 0) throw new Error(`${url}: ${result?.errors} errors`);
  return { perSecond: result.requestsPerSecond, cpuUs: (used / result.requests) * 1e6 };
}

async function cpuOfAll(pid: number): Promise<number> {
  const each = [pid, ...(await childrenOf(pid))].map((process) => cpuSeconds(process));
  return (await Promise.all(each)).reduce((sum, seconds) => sum + seconds, 0);
}

/** Each pull gets a new service. */
async function coldFigure(hub: Hub, digest: string, scale: WorkersScale): Promise<Figure> {
  const times = new Map<number, number[]>([
    [1, []],
    [2, []],
  ]);
  for (let run = 0; run < scale.runs; run++) {
    for (const [workers, measured] of times) {
      await using server = await start(workers, { hub, tls: undefined });
      const { ms, correct } = await pull(`${server.layover.url}/v2/${REPOSITORY}/blobs/${digest}`, digest);
      if (!correct) throw new Error('the cold blob is not right');
      measured.push(ms);
    }
  }
  const [one = NaN, two = NaN] = [...times.values()].map(median);
  const figure = `one process ${one.toFixed(0)} ms, two workers ${two.toFixed(0)} ms: ${(two / one).toFixed(2)} ×`;
  return { work: `one client of a cold ${scale.largeBytes / 2 ** 20} MiB blob`, figure, goal: '≤ 1.10 ×' };
}

async function stampede(hub: Hub, digest: string, scale: WorkersScale): Promise<Figure> {
  await using server = await start(2, { hub, tls: undefined });
  hub.requests.reset();
  const url = `${server.layover.url}/v2/${REPOSITORY}/blobs/${digest}`;
  const pulled = await Promise.all(Array.from({ length: scale.clients }, () => pull(url, digest, 300_000)));
  const right = pulled.filter(({ correct }) => correct).length;
  const times = hub.requests.bytes('blob-get') / scale.largeBytes;
  const memory = await Promise.all((await childrenOf(server.layover.pid)).map(residentMegabytes));
  return {
    work: `${scale.clients} clients of one cold blob, two workers`,
    figure: `${hub.requests.count('blob-get')} upstream GET, ${times.toFixed(2)} × its bytes, ${right} right; workers then ${memory.join(' and ')} MB`,
    goal: '1, 1.00 ×, all',
  };
}

async function residentMegabytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Math.round(Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1000);
}
