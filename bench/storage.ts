import { stdout } from 'node:process';

import { seededContent } from '../test/support/content.ts';
import { Hub } from '../test/support/hub.ts';
import { Images } from '../test/support/images.ts';
import { dockerHubUpstream, Layover } from '../test/support/layover.ts';
import { NODE_ARGUMENTS } from './contenders.ts';
import { load } from './load.ts';
import { pull } from './pull.ts';
import { FreshBlobs, PushClient } from './push-client.ts';
import { type RunningStore, STORES } from './storage-servers.ts';
import { median } from './table.ts';

export interface StorageScale {
  readonly blobBytes: number;
  /** Cold pulls and pushes, of which the median counts. */
  readonly runs: number;
  /** Of each warm measurement. */
  readonly seconds: number;
}

export const FULL_STORAGE: StorageScale = { blobBytes: 128 * 2 ** 20, runs: 3, seconds: 3 };
export const QUICK_STORAGE: StorageScale = { blobBytes: 32 * 2 ** 20, runs: 1, seconds: 1 };

const REPOSITORY = 'library/bench';
const SMALL_BYTES = 2500;

/** One row for each driver, with the server that it is measured on. Blobs are streamed, not redirected. */
export async function measureStorage(scale: StorageScale): Promise<string> {
  const size = `${Math.round(scale.blobBytes / 1e6)} MB`;
  const head = ['storage', `cold fill, ${size}`, `warm blob, ${size}`, 'warm blob, 2.5 KB', `push, ${size}`];
  const rows: (readonly string[])[] = [head, head.map(() => '---')];
  for (const [name, start] of Object.entries(STORES)) {
    await using store = await start();
    const row = [name, ...(store ? await measure(store, scale) : ['not measured: the server is missing'])];
    stdout.write(`${row.join(' · ')}\n`);
    rows.push(row);
  }
  return rows.map((row) => `| ${row.join(' | ')} |`).join('\n');
}

async function measure(store: RunningStore, { blobBytes, runs, seconds }: StorageScale): Promise<string[]> {
  const images = new Images();
  const add = (seed: string, bytes: number) => images.addBlob(REPOSITORY, seededContent(seed, bytes)).digest;
  const large = Array.from({ length: runs }, (_, run) => add(`large ${run}`, blobBytes));
  const small = add('small', SMALL_BYTES);
  await using hub = await Hub.start(images, { challenge: 'none', redirectBlobs: false });
  const proxy = { hosted: ['team/*'], upstreams: [dockerHubUpstream(hub)] };
  const storage = { ...store.storage, redirect: { disable: true } };
  await using layover = await Layover.startProcess({ nodeArguments: NODE_ARGUMENTS, config: { storage, proxy } });
  const urlOf = (digest: string) => `${layover.url}/v2/${REPOSITORY}/blobs/${digest}`;
  await pull(urlOf(small), small);
  const cold: number[] = [];
  for (const digest of large) cold.push((await pulled(urlOf(digest), digest)).ms);
  const warm = await load(urlOf(large[0] as string), { connections: 1, seconds });
  const tiny = await load(urlOf(small), { connections: 32, seconds });
  return [
    perSecond(blobBytes, median(cold)),
    warm ? `${Math.round(warm.bytesPerSecond / 1e6)} MB/s` : 'no wrk',
    tiny ? `${(tiny.requestsPerSecond / 1000).toFixed(1)} k/s` : 'no wrk',
    perSecond(blobBytes, median(await pushTimes(layover.url, { blobBytes, runs }))),
  ];
}

async function pulled(url: string, digest: string) {
  const result = await pull(url, digest);
  if (!result.correct) throw new Error(`${url} does not serve the blob: ${result.status}`);
  return result;
}

async function pushTimes(url: string, { blobBytes, runs }: Pick<StorageScale, 'blobBytes' | 'runs'>) {
  const client = new PushClient(url);
  const blobs = new FreshBlobs(blobBytes);
  const times: number[] = [];
  for (let run = 0; run < runs; run++) times.push(await client.push('team/bench', blobs.make(), 'POST + PUT'));
  client.close();
  return times;
}

function perSecond(bytes: number, ms: number): string {
  return `${Math.round(bytes / 1e6 / (ms / 1000))} MB/s`;
}
