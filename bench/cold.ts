import { rm } from 'node:fs/promises';
import { stdout } from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';

import { type ColdRow, coldRows, type ColdScale } from './cold-rows.ts';
import {
  type BenchUpstream,
  type Contender,
  startDistribution,
  startLayover,
  startOtherDistribution,
} from './contenders.ts';
import { type Cell, median, type Part, type Row, renderTable } from './table.ts';

export const FULL_COLD: ColdScale = { runs: 5, blobBytes: 256 * 2 ** 20, clients: [1, 8, 50], blobs: 8, layers: 20 };
export const QUICK_COLD: ColdScale = { runs: 1, blobBytes: 64 * 2 ** 20, clients: [1, 8], blobs: 4, layers: 5 };

/** What goes on behind the client's back counts, such as storing the blob. */
const AFTERWARDS_MS = 500;

/** One pull of everything in a row. */
interface Measured {
  readonly seconds: number;
  /** Of the cache; absent for the upstream itself. */
  readonly cpuSeconds?: number;
  readonly peakBytes?: number;
}

type Start = (upstream: BenchUpstream) => Promise<Contender | undefined>;

const CACHES: Readonly<Record<string, Start>> = {
  layover: startLayover,
  'docker-registry': startDistribution,
  'other distribution': startOtherDistribution,
};

/** Cold pulls through each cache and straight from their upstream. Each pull gets a new process, which has pulled one small
 * blob. */
export async function measureCold(scale: ColdScale): Promise<Part> {
  const rows: Row[] = [];
  const names = new Set<string>();
  const missing: string[] = [];
  for await (const row of coldRows(scale, missing)) {
    const measured = await measureRow(row, scale.runs);
    const cells = new Map([...measured].map(([name, pulls]) => [name, cellOf(pulls)]));
    for (const [name, { text }] of cells) {
      names.add(name);
      stdout.write(`${row.work} · ${name}: ${text}\n`);
    }
    rows.push({ work: row.work, goal: row.goal, cells });
  }
  const note = `Caches are started for each pull, and have pulled one small blob. Wall time, CPU time and peak memory of the cache; median of ${scale.runs}. Direct: without a cache.`;
  const contenders = [...names];
  return {
    markdown: [renderTable(rows, contenders), note, ...missing].join('\n\n'),
    charts: rows.length > 0 ? [{ name: 'cold', title: 'Cold pulls', rows, contenders }] : [],
  };
}

/** Contender after contender within a run, so that all of them meet the machine in the same mood. */
async function measureRow(row: ColdRow, runs: number): Promise<Map<string, Measured[]>> {
  const measured = new Map<string, Measured[]>();
  const add = (name: string, pull: Measured) => measured.set(name, [...(measured.get(name) ?? []), pull]);
  for (let run = 0; run < runs; run++) {
    for (const [name, start] of Object.entries(CACHES)) {
      const pull = await pullThrough(row, start);
      if (pull) add(name, pull);
    }
    add('direct', { seconds: await row.pull(row.upstream.url) });
  }
  return measured;
}

async function pullThrough(row: ColdRow, start: Start): Promise<Measured | undefined> {
  await using cache = await start(row.upstream);
  if (!cache) return undefined;
  await row.warmUp(cache.url);
  const before = await cache.cpuSeconds();
  const seconds = await row.pull(cache.url);
  await sleep(AFTERWARDS_MS);
  const measured = { seconds, cpuSeconds: (await cache.cpuSeconds()) - before, peakBytes: await cache.peakRss() };
  await rm(cache.dataDirectory, { recursive: true, force: true, maxRetries: 5 });
  return measured;
}

function cellOf(pulls: readonly Measured[]): Cell {
  const seconds = median(pulls.map((pull) => pull.seconds));
  const cpu = pulls.flatMap((pull) => pull.cpuSeconds ?? []);
  const peak = pulls.flatMap((pull) => pull.peakBytes ?? []);
  const parts = [seconds < 0.1 ? `${(seconds * 1000).toFixed(1)} ms` : `${seconds.toFixed(2)} s`];
  if (cpu.length > 0) parts.push(`${median(cpu).toFixed(2)} s CPU`, `${Math.round(median(peak) / 1e6)} MB`);
  return { text: parts.join(', '), score: 1 / seconds };
}
