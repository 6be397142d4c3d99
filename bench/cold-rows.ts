import { devNull } from 'node:os';

import { bytesContent, type Content, seededContent } from '../test/support/content.ts';
import { Images } from '../test/support/images.ts';
import { runProgram } from '../test/support/processes.ts';
import { findProgram, programEnvironment } from '../test/support/programs.ts';
import { startRegistryBackend } from '../test/support/registry-backend.ts';
import { temporaryDirectory } from '../test/support/temporary-directory.ts';
import { type BenchUpstream, startNginx } from './contenders.ts';
import { createTlsFiles, startTlsRegistry } from './tls.ts';

export interface ColdScale {
  /** Measurements, of which the median counts. */
  readonly runs: number;
  readonly blobBytes: number;
  /** Numbers of clients of one blob. */
  readonly clients: readonly number[];
  /** Different blobs, one client each. */
  readonly blobs: number;
  /** Of the image that skopeo pulls, of 1 to 30 MiB. */
  readonly layers: number;
}

/** Something that is pulled while the upstream of the row runs. */
export interface ColdRow {
  readonly work: string;
  readonly goal: string;
  readonly upstream: BenchUpstream;
  /** Pulls a small blob, so that everything is loaded and connected. @throws {Error} when it fails */
  warmUp(url: string): Promise<unknown>;
  /** @returns seconds until the last byte of all, or the first one where `work` says so. @throws {Error} when a pull fails */
  pull(url: string): Promise<number>;
}

const REPOSITORY = 'library/cold';
const MiB = 2 ** 20;
/** Of lines to the upstream. Bits per second. */
const LINES = [1e9, 2.5e9, 5e9];
/** Pulled before anything is measured: a cache has usually pulled something since it was started. */
const FIRST = bytesContent(Buffer.from('first'));
const GOAL = '≤ 0.75 × distribution main';

/**
 * What is pulled by curl and skopeo, and from where. The upstream is docker-registry, which sends from the page cache, or nginx, which limits
 * the rate of a connection as a line does.
 *
 * @param missing gets what cannot be measured here, and why
 */
export async function* coldRows(scale: ColdScale, missing: string[]): AsyncGenerator<ColdRow> {
  const curl = await findProgram('curl');
  if (curl === undefined) {
    missing.push('Cold pulls are not measured, as curl is not installed.');
    return;
  }
  const images = new Images();
  const blobs = Array.from({ length: scale.blobs }, (_, i) =>
    images.addBlob(REPOSITORY, seededContent(`cold ${i}`, scale.blobBytes)),
  );
  images.addBlob(REPOSITORY, FIRST);
  images.addImage(REPOSITORY, 'image', { layers: layerSizes(scale.layers) });
  yield* plainRows(curl, { images, digests: blobs.map(({ digest }) => digest), scale, missing });
  yield* tlsRows(curl, { images, digests: blobs.slice(0, 1).map(({ digest }) => digest), missing });
  for (const content of blobs.slice(0, 1)) yield* lineRows(curl, { content, missing });
}

interface Parts {
  readonly images: Images;
  readonly digests: readonly string[];
  readonly missing: string[];
}

async function* plainRows(curl: string, { images, digests, scale, missing }: Parts & { readonly scale: ColdScale }) {
  await using upstream = await startRegistryBackend(images);
  const size = `${Math.round(scale.blobBytes / MiB)} MiB`;
  const [first = ''] = digests;
  const row = (work: string, goal: string, pulled: readonly string[]): ColdRow => ({
    work,
    goal,
    upstream,
    warmUp: (url) => pullBlobs(curl, url, [FIRST.digest]),
    pull: (url) => pullBlobs(curl, url, pulled),
  });
  for (const count of scale.clients) {
    const goal = count === 1 ? `${GOAL}, ≤ 1.76 ms CPU per MiB` : GOAL;
    const clients = `${count} ${count === 1 ? 'client' : 'clients'}`;
    yield row(
      `${clients} of one cold ${size} blob`,
      goal,
      Array.from({ length: count }, () => first),
    );
  }
  yield row(`${digests.length} cold ${size} blobs at once`, GOAL, digests);
  yield {
    ...row(`first byte of a cold ${size} blob`, '≤ direct + 2 ms', []),
    pull: (url: string) => firstByte(curl, url, first),
  };
  yield* skopeoRows(row, scale.layers, missing);
}

async function* tlsRows(curl: string, { images, digests, missing }: Parts): AsyncGenerator<ColdRow> {
  await using tls = await createTlsFiles();
  await using upstream = await startTlsRegistry(images, tls);
  if (!upstream) {
    missing.push('TLS is not measured, as docker-registry is not installed.');
    return;
  }
  yield {
    work: '1 client of it, with TLS to the cache and to the upstream',
    goal: GOAL,
    upstream: { url: upstream.url, tls },
    warmUp: (url) => pullBlobs(curl, url, [FIRST.digest], ['--cacert', tls.ca]),
    pull: (url) => pullBlobs(curl, url, digests, ['--cacert', tls.ca]),
  };
}

interface LineParts {
  readonly content: Content;
  readonly missing: string[];
}

async function* lineRows(curl: string, { content, missing }: LineParts): AsyncGenerator<ColdRow> {
  for (const bits of LINES) {
    const files = [content, FIRST].map((blob) => [`v2/${REPOSITORY}/blobs/${blob.digest}`, blob.read()] as const);
    await using upstream = await startNginx(new Map(files), { bytesPerSecond: bits / 8 });
    if (!upstream) {
      missing.push('Lines of limited speed are not measured, as nginx is not installed.');
      return;
    }
    yield {
      work: `1 client of it over a line of ${bits / 1e9} Gbit/s`,
      goal: '≤ 1.02 × direct',
      upstream,
      warmUp: (url) => pullBlobs(curl, url, [FIRST.digest]),
      pull: (url) => pullBlobs(curl, url, [content.digest]),
    };
  }
}

type CreateRow = (work: string, goal: string, digests: readonly string[]) => ColdRow;

async function* skopeoRows(createRow: CreateRow, layers: number, missing: string[]): AsyncGenerator<ColdRow> {
  const skopeo = await findProgram('skopeo');
  if (skopeo === undefined) {
    missing.push('Images are not measured, as skopeo is not installed.');
    return;
  }
  const mebibytes = layerSizes(layers).reduce((sum, size) => sum + size, 0) / MiB;
  yield {
    ...createRow(`cold image of ${layers} layers, ${mebibytes} MiB, by skopeo`, '≤ direct', []),
    pull: (url) => pullImage(skopeo, url),
  };
}

function layerSizes(count: number): number[] {
  return Array.from({ length: count }, (_, i) => (1 + ((i * 11) % 30)) * MiB);
}

async function pullBlobs(
  curl: string,
  url: string,
  digests: readonly string[],
  more: readonly string[] = [],
): Promise<number> {
  const targets = digests.flatMap((digest) => ['-o', devNull, `${url}/v2/${REPOSITORY}/blobs/${digest}`]);
  const args = ['-sS', '--fail', '-Z', '--parallel-immediate', '--parallel-max', '300', '--max-time', '120', ...more];
  const startedAt = performance.now();
  await runProgram(curl, [...args, ...targets]);
  return (performance.now() - startedAt) / 1000;
}

async function firstByte(curl: string, url: string, digest: string): Promise<number> {
  const args = ['-sS', '--fail', '--max-time', '120', '-o', devNull, '-w', '%{time_starttransfer}'];
  const { stdout } = await runProgram(curl, [...args, `${url}/v2/${REPOSITORY}/blobs/${digest}`]);
  return Number(stdout);
}

async function pullImage(skopeo: string, url: string): Promise<number> {
  await using directory = await temporaryDirectory();
  const source = `docker://${new URL(url).host}/${REPOSITORY}:image`;
  const startedAt = performance.now();
  await runProgram(skopeo, ['copy', '-q', '--src-tls-verify=false', source, `dir:${directory.path}/image`], {
    env: programEnvironment(),
  });
  return (performance.now() - startedAt) / 1000;
}
