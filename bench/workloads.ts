import { setTimeout as sleep } from 'node:timers/promises';

import type { Hub } from '../test/support/hub.ts';
import type { Contender } from './contenders.ts';
import { type Load, load } from './load.ts';
import { pull } from './pull.ts';
import { type Cell, median } from './table.ts';

export interface Scale {
  /** Of one measurement. */
  readonly seconds: number;
  /** Measurements, of which the median counts. */
  readonly runs: number;
  readonly largeBytes: number;
  readonly mediumBytes: number;
  /** References in the index of use. */
  readonly indexEntries: number;
  /** Clients that stampede three replicas. */
  readonly clients: number;
}

/** What is pulled, by the digests that the common upstream has. */
export interface Subjects {
  readonly repository: string;
  readonly tag: string;
  readonly manifest: string;
  readonly smallBlob: string;
  readonly largeBlob: string;
  readonly coldMedium: string;
  readonly coldLarge: string;
  readonly coldBroken: string;
  readonly staleTag: string;
}

export interface Bench {
  readonly hub: Hub;
  readonly subjects: Subjects;
  readonly scale: Scale;
}

export interface Workload {
  readonly work: string;
  readonly goal: string;
  /** Also for a server of plain files. */
  readonly isServing?: boolean;
  run(contender: Contender, bench: Bench): Promise<Cell>;
}

const MISSING: Cell = { text: 'no wrk' };

/** The table, in order; what is cold comes after what is warm. */
export function workloads({ largeBytes, mediumBytes }: Scale): Workload[] {
  return [
    rate('warm manifest by digest, 32 connections', '≥ 35 k/s', (s) => `manifests/${s.manifest}`),
    rate('warm manifest by tag, 32 connections', '≥ 35 k/s', (s) => `manifests/${s.tag}`),
    rate('warm 2.5 KB blob, 32 connections', '≥ 25 k/s', (s) => `blobs/${s.smallBlob}`),
    throughput(`warm ${mb(largeBytes)} blob, 1 client`, '≥ 3.5 GB/s, ≥ 1.1 × distribution', 1),
    throughput(`warm ${mb(largeBytes)} blob, 8 clients`, '≥ 3.5 GB/s, ≥ 1.1 × distribution', 8),
    { work: 'resident memory after that', goal: '≤ 150 MB', isServing: true, run: memory },
    { work: `20 clients, one cold ${mb(mediumBytes)} blob: upstream GETs`, goal: '1', run: stampede },
    { work: `1 client, cold ${mb(largeBytes)} blob: upstream GETs, bytes`, goal: '1, 1.00 ×', run: coldPull },
    { work: `upstream broken twice in a ${mb(largeBytes)} blob: bytes fetched`, goal: '≤ 1.05 ×', run: brokenPull },
    { work: 'upstream black hole: a cached tag, first and second time', goal: '≤ 2 s, ≤ 50 ms', run: blackHole },
  ];
}

const mb = (bytes: number) => `${Math.round(bytes / 1e6)} MB`;

function rate(work: string, goal: string, path: (subjects: Subjects) => string): Workload {
  return {
    work,
    goal,
    isServing: true,
    run: async (contender, bench) => {
      const loads = await loadsOf(contender, bench, { path: path(bench.subjects), connections: 32 });
      if (!loads) return MISSING;
      const perSecond = median(loads.map((it) => it.requestsPerSecond));
      const errors = loads.reduce((sum, it) => sum + it.errors, 0);
      const p99 = median(loads.map((it) => it.p99Ms)).toFixed(1);
      const cpuUs = median(loads.map((it) => (it.cpuSeconds / it.requests) * 1e6)).toFixed(0);
      const text = `${(perSecond / 1000).toFixed(2)} k/s, p99 ${p99} ms, ${cpuUs} µs CPU`;
      return { text: errors > 0 ? `${text}, ${errors} errors` : text, score: perSecond };
    },
  };
}

function throughput(work: string, goal: string, connections: number): Workload {
  return {
    work,
    goal,
    isServing: true,
    run: async (contender, bench) => {
      const loads = await loadsOf(contender, bench, { path: `blobs/${bench.subjects.largeBlob}`, connections });
      if (!loads) return MISSING;
      const perSecond = median(loads.map((it) => it.bytesPerSecond));
      const cpuMs = median(loads.map((it) => (it.cpuSeconds / (it.bytesPerSecond * it.seconds)) * 2 ** 30 * 1000));
      return { text: `${(perSecond / 1e9).toFixed(2)} GB/s, ${cpuMs.toFixed(0)} ms CPU per GiB`, score: perSecond };
    },
  };
}

interface MeasuredLoad extends Load {
  /** Of the server. */
  readonly cpuSeconds: number;
}

async function loadsOf(
  contender: Contender,
  bench: Bench,
  { path, connections }: { readonly path: string; readonly connections: number },
): Promise<MeasuredLoad[] | undefined> {
  const { seconds, runs } = bench.scale;
  const url = urlOf(contender, bench, path);
  const loads: MeasuredLoad[] = [];
  await load(url, { connections, seconds: 1 }); // warms code and page cache
  for (let run = 0; run < runs; run++) {
    const before = await contender.cpuSeconds();
    const measured = await load(url, { connections, seconds });
    if (!measured) return undefined;
    loads.push({ ...measured, cpuSeconds: (await contender.cpuSeconds()) - before });
  }
  return loads;
}

async function memory(contender: Contender): Promise<Cell> {
  const bytes = await contender.rss();
  return { text: `${Math.round(bytes / 1e6)} MB`, score: 1 / bytes };
}

async function stampede(contender: Contender, bench: Bench): Promise<Cell> {
  const { hub, subjects } = bench;
  hub.requests.reset();
  const url = urlOf(contender, bench, `blobs/${subjects.coldMedium}`);
  const pulled = await Promise.all(Array.from({ length: 20 }, () => pull(url, subjects.coldMedium)));
  const right = pulled.filter((it) => it.correct).length;
  const gets = hub.requests.count('blob-get');
  return { text: `${gets}${right < 20 ? ` (${right} of 20 right)` : ''}`, score: 1 / gets };
}

async function coldPull(contender: Contender, bench: Bench): Promise<Cell> {
  const { hub, subjects, scale } = bench;
  hub.requests.reset();
  const pulled = await pull(urlOf(contender, bench, `blobs/${subjects.coldLarge}`), subjects.coldLarge);
  await sleep(1000); // what goes on behind the client's back counts
  const times = hub.requests.bytes('blob-get') / scale.largeBytes;
  const seconds = (pulled.ms / 1000).toFixed(1);
  const text = `${hub.requests.count('blob-get')}, ${times.toFixed(2)} ×, ${seconds} s`;
  return { text: pulled.correct ? text : `${text}, failed`, score: 1 / times };
}

async function brokenPull(contender: Contender, bench: Bench): Promise<Cell> {
  const { hub, subjects, scale } = bench;
  hub.requests.reset();
  const undo = hub.faults.cutBody(Math.round(scale.largeBytes / 3), { on: 'blob-get', times: 2 });
  const url = urlOf(contender, bench, `blobs/${subjects.coldBroken}`);
  let tries = 1;
  let pulled = await pull(url, subjects.coldBroken);
  for (; !pulled.correct && tries < 5; tries++) pulled = await pull(url, subjects.coldBroken);
  await sleep(1000);
  undo();
  const times = hub.requests.bytes('blob-get') / scale.largeBytes;
  const text = `${times.toFixed(2)} ×, client needed ${tries} ${tries === 1 ? 'try' : 'tries'}`;
  return { text: pulled.correct ? text : `${text}, failed`, score: 1 / times };
}

/** Longer than this nobody waits. */
const BLACK_HOLE_PATIENCE_MS = 20_000;

async function blackHole(contender: Contender, bench: Bench): Promise<Cell> {
  const { hub, subjects } = bench;
  const url = urlOf(contender, bench, `manifests/${subjects.staleTag}`);
  const undo = hub.faults.hang();
  try {
    const first = await pull(url, undefined, BLACK_HOLE_PATIENCE_MS);
    const second = await pull(url, undefined, BLACK_HOLE_PATIENCE_MS);
    const text = [first, second].map((it) =>
      it.correct ? `${it.ms.toFixed(0)} ms` : `never (${(it.ms / 1000).toFixed(0)} s)`,
    );
    return { text: text.join(', '), ...(second.correct && { score: 1 / second.ms }) };
  } finally {
    undo();
  }
}

function urlOf({ url }: Contender, { subjects }: Bench, path: string): string {
  return `${url}/v2/${subjects.repository}/${path}`;
}
