import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { stdout } from 'node:process';

import { type Contender, startDistribution, startLayover, startRelaxedLayover } from './contenders.ts';
import { type FreshBlob, FreshBlobs, PushClient, type PushMode } from './push-client.ts';
import { type Cell, median, type Part, type Row, renderTable } from './table.ts';

export interface PushScale {
  /** Of which the median counts. */
  readonly rounds: number;
  /** Bytes that one contender is sent in one round of one row, about. */
  readonly roundBytes: number;
  /** How the largest blobs are pushed, many at once: a gigabyte each time. */
  readonly largeModes: readonly PushMode[];
}

const MiB = 2 ** 20;
const SIZES = [MiB, 10 * MiB, 100 * MiB];
const MODES: readonly PushMode[] = ['POST + PUT', 'one POST', 'streamed PATCH', 'PATCH in chunks'];

export const FULL_PUSHES: PushScale = { rounds: 5, roundBytes: 200 * MiB, largeModes: MODES };
export const QUICK_PUSHES: PushScale = { rounds: 1, roundBytes: 20 * MiB, largeModes: ['streamed PATCH'] };

/** So many small pushes say enough. */
const MAX_PUSHES = 100;

interface PushRow {
  readonly mode: PushMode;
  readonly size: number;
  /** Pushes at once. */
  readonly clients: number;
}

/** What one contender did in the rounds of one row. */
interface Rounds {
  /** Of each push. Milliseconds. */
  readonly times: number[];
  /** Of each round. Bytes per second. */
  readonly rates: number[];
}

/** Empty hosted registries, which take blobs that neither of them has seen. */
export async function measurePushes(scale: PushScale): Promise<Part> {
  await using layover = await startLayover();
  await using relaxed = await startRelaxedLayover();
  await using distribution = await startDistribution();
  const contenders = [layover, relaxed, distribution].filter((started) => started !== undefined);
  const rows: Row[] = [];
  const lost: string[] = [];
  for (const row of rowsOf(scale)) {
    const measured = await measureRow(contenders, row, scale);
    const cells = new Map([...measured].map(([name, rounds]) => [name, cellOf(rounds)]));
    const work = `push ${row.size / MiB} MiB, ${row.mode}, ${row.clients === 1 ? 'one at a time' : `${row.clients} at once`}`;
    for (const [name, { text }] of cells) stdout.write(`${work} · ${name}: ${text}\n`);
    rows.push({ work, goal: '≥ 1 ×, p99 too', cells });
    lost.push(...lossesOf(work, measured));
  }
  const names = contenders.map(({ name }) => name);
  const losses = lost.length > 0 ? ['Slower than docker-registry:', ...lost] : ['Nowhere slower than docker-registry.'];
  return {
    markdown: `${renderTable(rows, names)}\n\n${losses.join('\n')}`,
    charts: [{ name: 'pushes', title: 'Pushes', rows, contenders: names }],
  };
}

function rowsOf({ largeModes }: PushScale): PushRow[] {
  const all = SIZES.flatMap((size) => MODES.flatMap((mode) => [1, 10].map((clients) => ({ mode, size, clients }))));
  return all.filter(({ mode, size, clients }) => size * clients < 1000 * MiB || largeModes.includes(mode));
}

/** Round after round, each contender in each, so that all of them meet the machine in the same mood. */
async function measureRow(
  contenders: readonly Contender[],
  { mode, size, clients }: PushRow,
  { rounds, roundBytes }: PushScale,
): Promise<ReadonlyMap<string, Rounds>> {
  const blobs = new FreshBlobs(size);
  const pushes = Math.max(clients, Math.min(MAX_PUSHES, Math.floor(roundBytes / size)));
  const measured = new Map<string, Rounds>(contenders.map(({ name }) => [name, { times: [], rates: [] }]));
  for (let round = 0; round <= rounds; round++) {
    // The first one warms code and directories.
    const count = round === 0 ? 2 : pushes;
    for (const contender of round % 2 === 0 ? contenders : contenders.toReversed()) {
      const pushed = Array.from({ length: count }, () => blobs.make());
      const { times, seconds } = await pushAll(contender, pushed, { mode: modeOf(contender, mode), clients });
      await forget(contender, pushed);
      if (round === 0) continue;
      measured.get(contender.name)?.times.push(...times);
      measured.get(contender.name)?.rates.push((count * size) / seconds);
    }
  }
  return measured;
}

/** Distribution does not take a blob in one POST; its clients go on with a PUT, which is the best that it can do. */
function modeOf({ name }: Contender, mode: PushMode): PushMode {
  return !name.startsWith('layover') && mode === 'one POST' ? 'POST + PUT' : mode;
}

async function pushAll(
  { url }: Contender,
  blobs: readonly FreshBlob[],
  { mode, clients }: Pick<PushRow, 'mode' | 'clients'>,
): Promise<{ readonly times: readonly number[]; readonly seconds: number }> {
  const client = new PushClient(url);
  const startedAt = performance.now();
  const waiting = blobs.values();
  const times: number[] = [];
  const worker = async () => {
    for (const blob of waiting) times.push(await client.push('team/bench', blob, mode));
  };
  await Promise.all(Array.from({ length: clients }, worker));
  client.close();
  return { times, seconds: (performance.now() - startedAt) / 1000 };
}

/** From the disk, outside of what is measured. */
async function forget({ dataDirectory }: Contender, blobs: readonly FreshBlob[]): Promise<void> {
  for (const { digest } of blobs) {
    const hex = digest.slice('sha256:'.length);
    const directory = join(dataDirectory, 'docker/registry/v2/blobs/sha256', hex.slice(0, 2), hex);
    await rm(directory, { recursive: true });
  }
}

function cellOf({ times, rates }: Rounds): Cell {
  const [p50, p99, rate] = [percentile(times, 0.5), percentile(times, 0.99), median(rates)];
  const text = `p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms, ${(rate / 1e6).toFixed(0)} MB/s`;
  return { text, score: rate };
}

function lossesOf(work: string, measured: ReadonlyMap<string, Rounds>): string[] {
  const [ours, theirs] = [measured.get('layover'), measured.get('docker-registry')];
  if (!ours || !theirs) return [];
  const ratios = {
    p50: percentile(ours.times, 0.5) / percentile(theirs.times, 0.5),
    p99: percentile(ours.times, 0.99) / percentile(theirs.times, 0.99),
    time: median(theirs.rates) / median(ours.rates),
  };
  const worse = Object.entries(ratios).filter(([, ratio]) => ratio > 1);
  return worse.length === 0 ? [] : [`- ${work}: ${worse.map(([what, by]) => `${what} ${by.toFixed(2)} ×`).join(', ')}`];
}

function percentile(numbers: readonly number[], share: number): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}
