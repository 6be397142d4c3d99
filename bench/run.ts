import { mkdir, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { argv, stdout } from 'node:process';

import { seededContent } from '../test/support/content.ts';
import { Hub } from '../test/support/hub.ts';
import { Images } from '../test/support/images.ts';
import { measureBudget } from './budget.ts';
import { FULL_BUNDLES, measureBundles, QUICK_BUNDLES } from './bundles.ts';
import { type Contender, startDistribution, startLayover, startNginx } from './contenders.ts';
import { missingPrograms } from '../test/support/programs.ts';
import { pull } from './pull.ts';
import { renderChart } from './chart.ts';
import { FULL_COLD, measureCold, QUICK_COLD } from './cold.ts';
import { FULL_CONNECTIONS, measureConnections, QUICK_CONNECTIONS } from './connections.ts';
import { FULL_GROWTH, measureGrowth, QUICK_GROWTH } from './growth.ts';
import { FULL_PUSHES, measurePushes, QUICK_PUSHES } from './pushes.ts';
import { type Figure, measureShared, renderFigures } from './shared.ts';
import { FULL_STORAGE, measureStorage, QUICK_STORAGE } from './storage.ts';
import { type Cell, type Part, type Row, renderTable } from './table.ts';
import { FULL_WORKERS, measureWorkers, QUICK_WORKERS } from './workers.ts';
import { type Bench, type Scale, type Subjects, workloads } from './workloads.ts';

const FULL: Scale = {
  seconds: 3,
  runs: 3,
  largeBytes: 256 * 2 ** 20,
  mediumBytes: 38_000_000,
  indexEntries: 100_000, // `npm run bench:index` takes a million, and a while
  clients: 200,
};
const QUICK: Scale = {
  seconds: 1,
  runs: 1,
  largeBytes: 64 * 2 ** 20,
  mediumBytes: 8_000_000,
  indexEntries: 50_000,
  clients: 30,
};

const REPOSITORY = 'library/bench';

function createImages(scale: Scale): { images: Images; subjects: Subjects; files: Map<string, Iterable<Buffer>> } {
  const images = new Images();
  const image = images.addImage(REPOSITORY, 'warm', { layers: [2048] });
  const stale = images.addImage(REPOSITORY, 'stale', { layers: [2048] });
  const add = (seed: string, size: number) => images.addBlob(REPOSITORY, seededContent(seed, size));
  const [small, large] = [add('small', 2500), add('large', scale.largeBytes)];
  const subjects: Subjects = {
    repository: REPOSITORY,
    tag: 'warm',
    manifest: image.digest,
    smallBlob: small.digest,
    largeBlob: large.digest,
    coldMedium: add('medium', scale.mediumBytes).digest,
    coldLarge: add('cold', scale.largeBytes).digest,
    coldBroken: add('broken', scale.largeBytes).digest,
    staleTag: 'stale',
  };
  const base = `v2/${REPOSITORY}`;
  const files = new Map<string, Iterable<Buffer>>([
    [`${base}/manifests/${image.digest}`, [image.bytes]],
    [`${base}/manifests/warm`, [image.bytes]],
    [`${base}/manifests/${stale.digest}`, [stale.bytes]],
    [`${base}/blobs/${small.digest}`, small.read()],
    [`${base}/blobs/${large.digest}`, large.read()],
  ]);
  return { images, subjects, files };
}

async function warmUp({ url, isStatic }: Contender, { repository, ...subjects }: Subjects): Promise<void> {
  if (isStatic) return;
  for (const tag of [subjects.tag, subjects.staleTag]) await pull(`${url}/v2/${repository}/manifests/${tag}`);
  await pull(`${url}/v2/${repository}/manifests/${subjects.manifest}`);
  for (const digest of [subjects.smallBlob, subjects.largeBlob]) {
    const { correct } = await pull(`${url}/v2/${repository}/blobs/${digest}`, digest);
    if (!correct) throw new Error(`${url} does not serve ${digest}`);
  }
}

/** Contender after contender within a workload, so that all of them meet the machine in the same mood. */
async function measure(contenders: readonly Contender[], bench: Bench): Promise<Row[]> {
  const rows: Row[] = [];
  for (const workload of workloads(bench.scale)) {
    const cells = new Map<string, Cell>();
    for (const contender of contenders) {
      if (contender.isStatic && !workload.isServing) continue;
      const cell = await workload.run(contender, bench);
      cells.set(contender.name, cell);
      stdout.write(`${workload.work} · ${contender.name}: ${cell.text}\n`);
    }
    rows.push({ work: workload.work, goal: workload.goal, cells });
  }
  return rows;
}

/** Tables of everything that is pulled. */
async function measurePulls(scale: Scale): Promise<Part> {
  const { images, subjects, files } = createImages(scale);
  await using hub = await Hub.start(images, { challenge: 'none', redirectBlobs: false });
  await using layover = await startLayover(hub);
  await using distribution = await startDistribution(hub);
  await using nginx = await startNginx(files);
  const contenders = [layover, distribution, nginx].filter((started) => started !== undefined);
  for (const contender of contenders) await warmUp(contender, subjects);
  const rows = await measure(contenders, { hub, subjects, scale });
  const names = contenders.map(({ name }) => name);
  const missing = ['docker-registry', 'nginx'].filter((name) => !names.includes(name));
  const hasRedis = (await missingPrograms(['redis-server'])).length === 0;
  const shared = hasRedis ? [renderFigures(await measureShared({ hub, subjects, scale }))] : [];
  const tables = [renderTable(rows, names), ...shared, `Median of ${scale.runs} × ${scale.seconds} s.`];
  if (missing.length > 0) tables.push(`Not measured, as not installed: ${missing.join(', ')}`);
  const charts = [{ name: 'warm', title: 'Warm pulls', rows, contenders: names }];
  return { markdown: tables.join('\n\n'), charts };
}

const figuresOf = async (figures: Promise<readonly Figure[]>, title: string): Promise<Part> => ({
  markdown: renderFigures(await figures, title),
  charts: [],
});
const markdownOf = async (markdown: Promise<string>): Promise<Part> => ({ markdown: await markdown, charts: [] });

/** By the option that selects one. */
const PARTS: Readonly<Record<string, (isQuick: boolean) => Promise<Part>>> = {
  '--pull': (isQuick) => measurePulls(isQuick ? QUICK : FULL),
  '--cold': (isQuick) => measureCold(isQuick ? QUICK_COLD : FULL_COLD),
  '--push': (isQuick) => measurePushes(isQuick ? QUICK_PUSHES : FULL_PUSHES),
  '--workers': (isQuick) => figuresOf(measureWorkers(isQuick ? QUICK_WORKERS : FULL_WORKERS), 'Workers'),
  '--bundles': (isQuick) => figuresOf(measureBundles(isQuick ? QUICK_BUNDLES : FULL_BUNDLES), 'Bundles'),
  '--growth': (isQuick) => markdownOf(measureGrowth(isQuick ? QUICK_GROWTH : FULL_GROWTH)),
  '--budget': () => markdownOf(measureBudget()),
  '--storage': (isQuick) => markdownOf(measureStorage(isQuick ? QUICK_STORAGE : FULL_STORAGE)),
  '--connections': (isQuick) => markdownOf(measureConnections(isQuick ? QUICK_CONNECTIONS : FULL_CONNECTIONS)),
};
/** Not in a quick run, unless they are selected: they take minutes. */
const LONG = ['--budget', '--growth', '--connections', '--storage'];

async function main(): Promise<void> {
  const isQuick = argv.includes('--quick');
  const selected = Object.keys(PARTS).filter((option) => argv.includes(option));
  const unselected = Object.keys(PARTS).filter((option) => !isQuick || !LONG.includes(option));
  const parts: Part[] = [];
  for (const option of selected.length > 0 ? selected : unselected) {
    const part = await PARTS[option]?.(isQuick);
    if (part) parts.push(part);
  }
  const machine = `${cpus().length} × ${cpus()[0]?.model ?? 'unknown CPU'}, Node ${process.versions.node}; load generator on the same machine.`;
  const output = `${[...parts.map(({ markdown }) => markdown), machine].join('\n\n')}\n`;
  stdout.write(`\n${output}`);
  const directory = join(import.meta.dirname, 'results');
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, 'latest.md'), output);
  for (const chart of parts.flatMap(({ charts }) => charts)) {
    await writeFile(join(directory, `${chart.name}.svg`), renderChart(chart));
  }
}

await main();
