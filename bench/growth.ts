import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { stdout } from 'node:process';

import type { Digest } from '../src/oci/digest.ts';
import { OCI_MANIFEST } from '../src/oci/media-types.ts';
import { LmdbIndex } from '../src/usage/lmdb-index.ts';
import { temporaryDirectory } from '../test/support/temporary-directory.ts';
import { expectStatus, get, probe, type Sample, type Server, startServer } from './growth-probe.ts';
import { numbered, RARE_TYPE, StoreWriter } from './growth-stores.ts';
import { fillIndex } from './index-start.ts';

export interface GrowthScale {
  /** Tags of one repository, repositories of a catalog, referrers of one image. */
  readonly sizes: readonly number[];
  /** References in the index. */
  readonly indexSizes: readonly number[];
}

export const FULL_GROWTH: GrowthScale = { sizes: [1_000, 10_000, 100_000], indexSizes: [10_000, 100_000, 1_000_000] };
export const QUICK_GROWTH: GrowthScale = { sizes: [100, 1_000, 10_000], indexSizes: [1_000, 10_000, 100_000] };

const REPOSITORY = 'library/many';
const PAGE = 100;

/** By request, the samples of each size. */
type Curves = Map<string, Sample[]>;
type Measure = (work: string, send: (i: number) => Promise<void>, times?: number) => Promise<void>;

/** The same requests to stores of three sizes. */
export async function measureGrowth({ sizes, indexSizes }: GrowthScale): Promise<string> {
  const tables = [
    render('one repository of so many tags', sizes, await curves(sizes, measureTags)),
    render('a catalog of so many repositories', sizes, await curves(sizes, measureCatalog)),
    render('an image with so many referrers', sizes, await curves(sizes, measureReferrers)),
    render('an index of so many references', indexSizes, await curves(indexSizes, measureIndex)),
  ];
  return `${tables.join('\n\n')}\n\nEach cell: p50 / p99 in ms, CPU of the server for each request in ms, longest block of its event loop in ms.`;
}

async function curves(
  sizes: readonly number[],
  run: (directory: string, size: number, measure: Measure, use: (server: Server) => void) => Promise<void>,
): Promise<Curves> {
  const found: Curves = new Map();
  for (const size of sizes) {
    await using directory = await temporaryDirectory();
    let server: Server | undefined;
    const measure: Measure = async (work, send, times) => {
      const sample = await probe(server as Server, send, { ...(times !== undefined && { times }) });
      found.set(work, [...(found.get(work) ?? []), sample]);
      stdout.write(`${size} · ${work}: ${text(sample)}\n`);
    };
    await run(directory.path, size, measure, (started) => (server = started));
    await rm(directory.path, { recursive: true, force: true });
  }
  return found;
}

async function measureTags(directory: string, size: number, measure: Measure, use: (server: Server) => void) {
  const writer = new StoreWriter(directory);
  const digests = writer.tags(REPOSITORY, size);
  await writer.record();
  await using server = await startServer(directory);
  use(server);
  const base = `${server.url}/v2/${REPOSITORY}`;
  const pageAfter = (i: number) => `${base}/tags/list?n=${PAGE}&last=${numbered('tag', i)}`;
  const bytes = Buffer.from(await (await expectStatus(`${base}/manifests/${digests[0]}`, 200)).arrayBuffer());
  const push = (tag: string) =>
    expectStatus(`${base}/manifests/${tag}`, 201, {
      method: 'PUT',
      body: bytes,
      headers: { 'content-type': OCI_MANIFEST },
    });
  const remove = (reference: string) => expectStatus(`${base}/manifests/${reference}`, 202, { method: 'DELETE' });
  await measure('tags, first page', () => get(`${base}/tags/list?n=${PAGE}`));
  await measure('tags, page in the middle', () => get(pageAfter(size >> 1)));
  await measure('tags, last page', () => get(pageAfter(size - PAGE)));
  await measure('all tags', () => get(`${base}/tags/list`), 3);
  await measure('manifest by tag', (i) => get(`${base}/manifests/${numbered('tag', i)}`));
  await measure('push of one more tag', async (i) => void (await push(numbered('new', i))), 50);
  await measure(
    'push of a tag, then a page',
    (i) => push(numbered('newer', i)).then(() => get(pageAfter(size >> 1))),
    20,
  );
  await measure('delete of a tag', async (i) => void (await remove(numbered('tag', i))), 50);
  await measure('cache list, first page', () => get(`${server.adminUrl}/cache?limit=${PAGE}`), 10);
  await measure('cache info of a tag', () => get(entryOf(server, `${REPOSITORY}:${numbered('tag', 100)}`)), 20);
  await measure('delete of a manifest', async (i) => void (await remove(digests[i + 2] as Digest)), 5);
}

function entryOf(server: Server, name: string): string {
  return `${server.adminUrl}/cache/entry?name=${encodeURIComponent(name)}`;
}

async function measureCatalog(directory: string, size: number, measure: Measure, use: (server: Server) => void) {
  const writer = new StoreWriter(directory);
  writer.repositories('app', size);
  await writer.record();
  await using server = await startServer(directory);
  use(server);
  const page = (last: number) => `${server.url}/v2/_catalog?n=${PAGE}&last=${numbered('app', last)}`;
  await measure('catalog, first page', () => get(`${server.url}/v2/_catalog?n=${PAGE}`));
  await measure('catalog, page in the middle', () => get(page(size >> 1)));
  await measure('catalog, last page', () => get(page(size - PAGE)));
  await measure('cache list, first page', () => get(`${server.adminUrl}/cache?limit=${PAGE}`), 20);
  await measure(
    'cache list, part of a name',
    () => get(`${server.adminUrl}/cache?limit=${PAGE}&filter=${size - 7}`),
    5,
  );
  await measure('cache stats', () => get(`${server.adminUrl}/stats`), 5);
  await measure('collection, dry run', () => collect(server), 1);
}

async function collect({ adminUrl }: Server): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  await expectStatus(`${adminUrl}/collection`, 200, {
    method: 'POST',
    headers,
    body: JSON.stringify({ dryRun: true }),
  });
  for (;;) {
    const { running } = (await (await expectStatus(`${adminUrl}/collection`, 200)).json()) as { running: boolean };
    if (!running) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function measureReferrers(directory: string, size: number, measure: Measure, use: (server: Server) => void) {
  const writer = new StoreWriter(directory);
  const subject = writer.referrers(REPOSITORY, size);
  await writer.record();
  await using server = await startServer(directory);
  use(server);
  const base = `${server.url}/v2/${REPOSITORY}/referrers/${subject}`;
  const middle = `sha256:8${'0'.repeat(63)}`;
  await measure('referrers, first 100', () => get(`${base}?n=${PAGE}`), 20);
  await measure('referrers, 100 in the middle', () => get(`${base}?n=${PAGE}&last=${middle}`), 20);
  await measure('referrers of a rare type, first 100', () => get(`${base}?n=${PAGE}&artifactType=${RARE_TYPE}`), 3);
  await measure('referrers, first page as large as allowed', () => get(base), 3);
}

async function measureIndex(directory: string, size: number, measure: Measure, use: (server: Server) => void) {
  const index = await LmdbIndex.open({ directory: join(directory, 'layover/index') });
  await fillIndex(index, size);
  await index.setMarker('complete', 'yes');
  await index.close();
  const startedAt = performance.now();
  const config = {
    proxy: { upstreams: [{ name: 'docker.io', remoteurl: 'http://127.0.0.1:9', default: true, ttl: '0s' }] },
  };
  await using server = await startServer(directory, config);
  use(server);
  const memory = Math.round((await server.rss()) / 1e6);
  stdout.write(`${size} · ready after ${Math.round(performance.now() - startedAt)} ms, ${memory} MB\n`);
  const list = (query: string) => get(`${server.adminUrl}/cache?limit=${PAGE}${query}`);
  await measure('cache stats', () => get(`${server.adminUrl}/stats`), 5);
  await measure('cache list, first page', () => list(''), 20);
  await measure('cache list, least recently used', () => list('&sort=used'), 3);
  await measure('cache list, largest', () => list('&sort=size'), 2);
}

function render(what: string, sizes: readonly number[], found: Curves): string {
  const lines = [...found].map(([work, samples]) => `| ${work} | ${samples.map(text).join(' | ')} |`);
  const head = `| ${what} | ${sizes.map((size) => size.toLocaleString('en')).join(' | ')} |`;
  return [head, `| --- ${'| --- '.repeat(sizes.length)}|`, ...lines].join('\n');
}

function text({ p50Ms, p99Ms, cpuMs, blockMs }: Sample): string {
  const [p50, p99, cpu] = [p50Ms, p99Ms, cpuMs].map((ms) => (ms < 10 ? ms.toFixed(1) : ms.toFixed(0)));
  return `${p50} / ${p99}, CPU ${cpu}, block ${blockMs.toFixed(0)}`;
}
