import { rm } from 'node:fs/promises';
import { devNull } from 'node:os';
import { stdout } from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';

import { seededContent } from '../test/support/content.ts';
import { Images } from '../test/support/images.ts';
import { runProgram } from '../test/support/processes.ts';
import { findProgram } from '../test/support/programs.ts';
import { startRegistryBackend } from '../test/support/registry-backend.ts';
import { type Contender, startDistribution, startLayover, startOtherDistribution } from './contenders.ts';
import { type Cell, median, type Row, renderTable } from './table.ts';

export interface ColdScale {
  /** Measurements, of which the median counts. */
  readonly runs: number;
  readonly blobBytes: number;
  /** Numbers of clients of one blob. */
  readonly clients: readonly number[];
  /** Different blobs, one client each. */
  readonly blobs: number;
}

export const FULL_COLD: ColdScale = { runs: 5, blobBytes: 256 * 2 ** 20, clients: [1, 8, 50], blobs: 8 };
export const QUICK_COLD: ColdScale = { runs: 1, blobBytes: 64 * 2 ** 20, clients: [1, 8], blobs: 4 };

const REPOSITORY = 'library/cold';
/** What goes on behind the client's back counts, such as storing the blob. */
const AFTERWARDS_MS = 500;

interface ColdRow {
  readonly work: string;
  readonly goal: string;
  readonly digests: readonly string[];
}

/** One pull of all blobs of a row. */
interface Measured {
  readonly seconds: number;
  /** Of the cache; absent for the upstream itself. */
  readonly cpuSeconds?: number;
  readonly peakBytes?: number;
}

type Start = (upstream: { readonly url: string }) => Promise<Contender | undefined>;

const CACHES: Readonly<Record<string, Start>> = {
  layover: startLayover,
  'docker-registry': startDistribution,
  'other distribution': startOtherDistribution,
};

/**
 * Pulls of cold blobs by curl, through each cache and straight from their upstream: docker-registry, which sends from the page cache. Each
 * pull gets a new process with an empty directory.
 */
export async function measureCold(scale: ColdScale): Promise<string> {
  const curl = await findProgram('curl');
  if (curl === undefined) return 'Cold blobs are not measured, as curl is not installed.';
  const images = new Images();
  const blobs = Array.from({ length: scale.blobs }, (_, i) =>
    images.addBlob(REPOSITORY, seededContent(`cold ${i}`, scale.blobBytes)),
  );
  await using upstream = await startRegistryBackend(images);
  const rows: Row[] = [];
  const names = new Set<string>();
  for (const row of rowsOf(scale, blobs)) {
    const measured = await measureRow(curl, row, { upstream, runs: scale.runs });
    const cells = new Map([...measured].map(([name, pulls]) => [name, cellOf(pulls)]));
    for (const [name, { text }] of cells) {
      names.add(name);
      stdout.write(`${row.work} · ${name}: ${text}\n`);
    }
    rows.push({ work: row.work, goal: row.goal, cells });
  }
  const note = `Wall time, CPU time and peak memory of the cache; median of ${scale.runs}. Direct: without a cache.`;
  return `${renderTable(rows, [...names])}\n\n${note}`;
}

function rowsOf({ blobBytes, clients }: ColdScale, blobs: readonly { readonly digest: string }[]): ColdRow[] {
  const size = `${Math.round(blobBytes / 2 ** 20)} MiB`;
  const digests = blobs.map(({ digest }) => digest);
  const shared = clients.map((count) => ({
    work: `${count} ${count === 1 ? 'client' : 'clients'} of one cold ${size} blob`,
    goal: count === 1 ? '≤ 0.75 × distribution main, ≤ 1.76 ms CPU per MiB' : '≤ 0.75 × distribution main',
    digests: Array.from({ length: count }, () => digests[0] ?? ''),
  }));
  return [
    ...shared,
    { work: `${blobs.length} cold ${size} blobs at once`, goal: '≤ 0.75 × distribution main', digests },
  ];
}

/** Contender after contender within a run, so that all of them meet the machine in the same mood. */
async function measureRow(
  curl: string,
  { digests }: ColdRow,
  { upstream, runs }: { readonly upstream: { readonly url: string }; readonly runs: number },
): Promise<Map<string, Measured[]>> {
  const measured = new Map<string, Measured[]>();
  const add = (name: string, pull: Measured) => measured.set(name, [...(measured.get(name) ?? []), pull]);
  for (let run = 0; run < runs; run++) {
    for (const [name, start] of Object.entries(CACHES)) {
      const pull = await pullThrough(curl, digests, () => start(upstream));
      if (pull) add(name, pull);
    }
    add('direct', { seconds: await pullAll(curl, upstream.url, digests) });
  }
  return measured;
}

async function pullThrough(
  curl: string,
  digests: readonly string[],
  start: () => Promise<Contender | undefined>,
): Promise<Measured | undefined> {
  await using cache = await start();
  if (!cache) return undefined;
  const before = await cache.cpuSeconds();
  const seconds = await pullAll(curl, cache.url, digests);
  await sleep(AFTERWARDS_MS);
  const measured = { seconds, cpuSeconds: (await cache.cpuSeconds()) - before, peakBytes: await cache.peakRss() };
  await rm(cache.dataDirectory, { recursive: true, force: true });
  return measured;
}

/** @returns seconds until the last byte of the last one @throws {Error} when one fails */
async function pullAll(curl: string, url: string, digests: readonly string[]): Promise<number> {
  const targets = digests.flatMap((digest) => ['-o', devNull, `${url}/v2/${REPOSITORY}/blobs/${digest}`]);
  const args = ['-sS', '--fail', '-Z', '--parallel-immediate', '--parallel-max', '300', '--max-time', '120'];
  const startedAt = performance.now();
  await runProgram(curl, [...args, ...targets]);
  return (performance.now() - startedAt) / 1000;
}

function cellOf(pulls: readonly Measured[]): Cell {
  const seconds = median(pulls.map((pull) => pull.seconds));
  const cpu = pulls.flatMap((pull) => pull.cpuSeconds ?? []);
  const peak = pulls.flatMap((pull) => pull.peakBytes ?? []);
  const parts = [`${seconds.toFixed(2)} s`];
  if (cpu.length > 0) parts.push(`${median(cpu).toFixed(2)} s CPU`, `${Math.round(median(peak) / 1e6)} MB`);
  return { text: parts.join(', '), score: 1 / seconds };
}
