import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { argv, stdout } from 'node:process';
import { fileURLToPath } from 'node:url';

import { stringify } from 'yaml';

import { SYSTEM_CLOCK } from '../src/clock/clock.ts';
import { LmdbIndex } from '../src/usage/lmdb-index.ts';
import { ManifestParts } from '../src/usage/manifest-parts.ts';
import type { UsageIndex } from '../src/usage/usage-index.ts';
import { UsageRecorder } from '../src/usage/usage-recorder.ts';
import { digestOf } from '../src/oci/digest.ts';
import { storeUnderTest } from '../test/retention/store-under-test.ts';
import { Layover } from '../test/support/layover.ts';

const HOUR = 3_600_000;

export interface IndexFigures {
  readonly entries: number;
  /** Until the index is open and has said what is first. Milliseconds. */
  readonly openMs: number;
  /** From the start of the process until it listens. Milliseconds. */
  readonly readyMs: number;
  /** Of one hit, noted and not written. Microseconds. */
  readonly hitUs: number;
  /** Of one reference recorded, in batches. Microseconds. */
  readonly recordUs: number;
  /** Of one blob evicted from a real directory, link and bytes. Milliseconds. */
  readonly evictMs: number;
  /** Bytes on disk. */
  readonly size: number;
}

/** How soon a cache of so many blobs is ready, and what keeping the record costs. */
export async function measureIndex(entries: number): Promise<IndexFigures> {
  const root = await mkdtemp(join(tmpdir(), 'layover-bench-index-'));
  try {
    const dataDirectory = join(root, 'data');
    const directory = join(dataDirectory, 'layover/index');
    const recordUs = await fill(directory, entries);
    const { size } = await stat(join(directory, 'usage.mdb'));
    const openMs = await timeOpen(directory);
    const readyMs = await timeReady(dataDirectory);
    return {
      entries,
      openMs,
      readyMs,
      hitUs: await timeHits(join(root, 'hits')),
      recordUs,
      evictMs: await timeEviction(),
      size,
    };
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

async function fill(directory: string, entries: number): Promise<number> {
  const index = await LmdbIndex.open({ directory });
  const recordUs = await fillIndex(index, entries);
  await index.setMarker('complete', 'yes');
  await index.close();
  return recordUs;
}

/** @returns time that one reference took. Microseconds */
export async function fillIndex(index: UsageIndex, entries: number): Promise<number> {
  const startedAt = performance.now();
  const now = Date.now();
  for (let first = 0; first < entries; first += 10_000) {
    await index.record(
      Array.from({ length: Math.min(10_000, entries - first) }, (_, i) => ({
        repository: `docker.io/library/image-${(first + i) % 5_000}`,
        digest: digestOf(Buffer.from(String(first + i))),
        kind: (first + i) % 10 === 0 ? ('manifest' as const) : ('blob' as const),
        size: 1_000_000,
        at: now - ((first + i) % 100) * HOUR,
      })),
    );
  }
  return ((performance.now() - startedAt) * 1000) / entries;
}

async function timeOpen(directory: string): Promise<number> {
  const startedAt = performance.now();
  const index = await LmdbIndex.open({ directory });
  await index.oldest({ before: Number.MAX_SAFE_INTEGER, limit: 1 });
  await index.totals();
  const elapsedMs = performance.now() - startedAt;
  await index.close();
  return elapsedMs;
}

async function timeReady(dataDirectory: string): Promise<number> {
  const startedAt = performance.now();
  const upstreams = [{ name: 'docker.io', remoteurl: 'http://127.0.0.1:9', default: true }];
  await using layover = await Layover.startProcess({ dataDirectory, config: { proxy: { upstreams } } });
  const answer = await fetch(`${layover.url}/v2/`);
  if (!answer.ok) throw new Error(`${answer.status} of a cache that should be ready`);
  return performance.now() - startedAt;
}

async function timeHits(directory: string): Promise<number> {
  const index = await LmdbIndex.open({ directory });
  const parts = new ManifestParts(index, { read: async () => undefined });
  const onError = (error: unknown) => {
    throw error;
  };
  const recorder = new UsageRecorder({
    index,
    parts,
    flushMs: 60_000,
    granularityMs: 0,
    backgroundAgeMs: 0,
    clock: SYSTEM_CLOCK,
    onError,
  });
  const digests = Array.from({ length: 200 }, (_, i) => digestOf(Buffer.from(String(i))));
  const repositories = Array.from({ length: 20 }, (_, i) => `docker.io/library/image-${i}`);
  const hits = 2_000_000;
  const startedAt = performance.now();
  for (let i = 0; i < hits; i++) {
    recorder.used(repositories[i % 20] ?? '', digests[i % 200] ?? digestOf(Buffer.alloc(0)), 'blob', 1000);
  }
  const elapsedMs = performance.now() - startedAt;
  await recorder.close();
  await index.close();
  return (elapsedMs * 1000) / hits;
}

async function timeEviction(blobs = 500): Promise<number> {
  await using made = await storeUnderTest();
  for (let i = 0; i < blobs; i++) await made.putBlob('docker.io/library/app', Buffer.from(`blob ${i}`));
  made.clock.now += HOUR;
  const pinned = await made.housekeeping.pins.current();
  const startedAt = performance.now();
  while (await made.housekeeping.eviction.evictOldest(pinned, made.clock.now)) {
    // until nothing is left
  }
  return (performance.now() - startedAt) / blobs;
}

if (argv[1] === fileURLToPath(import.meta.url)) {
  const figures = await measureIndex(Number(argv[2] ?? 1_000_000));
  stdout.write(stringify(figures));
}
