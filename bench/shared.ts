import { RedisIndex } from '../src/usage/redis-index.ts';
import { configFor, connect } from '../test/redis/redis-under-test.ts';
import { startReplicas } from '../test/replicas/replica-scene.ts';
import { startBalancer } from '../test/support/balancer.ts';
import type { Hub } from '../test/support/hub.ts';
import { dockerHubUpstream, Layover } from '../test/support/layover.ts';
import { RedisServer } from '../test/support/redis.ts';
import { NODE_ARGUMENTS } from './contenders.ts';
import { fillIndex, type IndexFigures, measureIndex } from './index-start.ts';
import { load } from './load.ts';
import { pull } from './pull.ts';
import { median } from './table.ts';
import type { Scale, Subjects } from './workloads.ts';

/** One line of the second table: what only Layover does. */
export interface Figure {
  readonly work: string;
  readonly figure: string;
  readonly goal: string;
}

export interface SharedBench {
  readonly hub: Hub;
  readonly subjects: Subjects;
  readonly scale: Scale;
}

const MB = 1e6;

/** Redis, replicas and the index of use. */
export async function measureShared(bench: SharedBench): Promise<Figure[]> {
  await using redis = await RedisServer.start();
  const hits = await timeHits(bench, redis);
  await redis.admin.flushall();
  const stampede = await timeStampede(bench, redis);
  await redis.admin.flushall();
  const entries = bench.scale.indexEntries;
  return [...hits, stampede, ...local(await measureIndex(entries)), await fillRedis(redis, entries)];
}

/** One after the other within a run, so that both meet the machine in the same mood. */
async function timeHits({ hub, subjects, scale }: SharedBench, redis: RedisServer): Promise<Figure[]> {
  const proxy = { upstreams: [dockerHubUpstream(hub, { tags: { ttl: '1h' } })] };
  const nodeArguments = NODE_ARGUMENTS;
  await using without = await Layover.startProcess({ nodeArguments, config: { proxy } });
  await using withRedis = await Layover.startProcess({
    nodeArguments,
    config: { proxy, redis: { addrs: [redis.address] } },
  });
  await withRedis.waitForOutput(/Redis available/);
  const paths = {
    'manifest by digest': `manifests/${subjects.manifest}`,
    '2.5 KB blob': `blobs/${subjects.smallBlob}`,
  };
  const figures: Figure[] = [];
  for (const [what, path] of Object.entries(paths)) {
    const rates = { without: [] as number[], with: [] as number[] };
    for (let run = 0; run <= scale.runs; run++) {
      for (const [name, { url }] of [
        ['without', without],
        ['with', withRedis],
      ] as const) {
        const address = `${url}/v2/${subjects.repository}/${path}`;
        if (run === 0) await pull(address);
        else
          rates[name].push(
            (await load(address, { connections: 32, seconds: scale.seconds }))?.requestsPerSecond ?? NaN,
          );
      }
    }
    const [plain, shared] = [median(rates.without), median(rates.with)];
    const figure = `${kilo(shared)} with, ${kilo(plain)} without: ${(shared / plain).toFixed(2)} ×`;
    figures.push({ work: `warm ${what}, with Redis and without`, figure, goal: '≥ 0.9 ×' });
  }
  return figures;
}

async function timeStampede({ hub, subjects, scale }: SharedBench, redis: RedisServer): Promise<Figure> {
  await using scene = await startReplicas({ hub, redis: redis.address });
  await using balancer = await startBalancer(scene.replicas.map(({ port }) => port));
  hub.requests.reset();
  const url = `${balancer.url}/v2/${subjects.repository}/blobs/${subjects.coldLarge}`;
  const startedAt = performance.now();
  const pulled = await Promise.all(Array.from({ length: scale.clients }, () => pull(url, subjects.coldLarge, 120_000)));
  const seconds = (performance.now() - startedAt) / 1000;
  const right = pulled.filter(({ correct }) => correct).length;
  const times = hub.requests.bytes('blob-get') / scale.largeBytes;
  return {
    work: `${pulled.length} clients, three replicas, one cold ${Math.round(scale.largeBytes / MB)} MB blob`,
    figure: `${hub.requests.count('blob-get')} upstream GET, ${times.toFixed(2)} × its bytes, ${seconds.toFixed(1)} s, ${right} right`,
    goal: '1, 1.00 ×, all',
  };
}

function local({ entries, openMs, readyMs, hitUs, recordUs, evictMs, size }: IndexFigures): Figure[] {
  const of = `index of ${entries} references`;
  return [
    {
      work: `${of}: opened; process ready`,
      figure: `${openMs.toFixed(0)} ms; ${readyMs.toFixed(0)} ms`,
      goal: '≤ 2 s',
    },
    {
      work: `${of}: bytes, recording of each`,
      figure: `${(size / entries).toFixed(0)} B, ${recordUs.toFixed(0)} µs`,
      goal: '–',
    },
    { work: 'one hit noted', figure: `${hitUs.toFixed(2)} µs`, goal: '–' },
    { work: 'one blob evicted, link and bytes', figure: `${evictMs.toFixed(2)} ms`, goal: '–' },
  ];
}

async function fillRedis(redis: RedisServer, entries: number): Promise<Figure> {
  const used = async () => Number(/used_memory:(\d+)/.exec(await redis.admin.info('memory'))?.[1]);
  await using connected = await connect(configFor(redis.address, { deadlineMs: 1_000, readTimeoutMs: 10_000 }));
  await connected.becomes('up');
  const before = await used();
  const us = await fillIndex(new RedisIndex(connected.redis), entries);
  const bytes = ((await used()) - before) / entries;
  return {
    work: `the same in Redis: bytes, recording of each`,
    figure: `${bytes.toFixed(0)} B, ${us.toFixed(0)} µs`,
    goal: '–',
  };
}

export function renderFigures(figures: readonly Figure[], title = 'Redis, replicas, index'): string {
  const lines = figures.map(({ work, figure, goal }) => `| ${work} | ${figure} | ${goal} |`);
  return [`| ${title} | layover | goal |`, '| --- | --- | --- |', ...lines].join('\n');
}

function kilo(perSecond: number): string {
  return `${(perSecond / 1000).toFixed(1)} k/s`;
}
