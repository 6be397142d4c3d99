import { createHash } from 'node:crypto';
import { mkdir, open, readFile, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { type Digest, digestFromHash, digestHex, digestOf } from '../../src/oci/digest.ts';
import { Layover } from '../support/layover.ts';
import { MEDIA_TYPES } from '../support/media-types.ts';
import { runProgram } from '../support/processes.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { whyNotTested } from './why-not-tested.ts';

/** Bytes. A run that has the time takes 5 GB. */
const SIZE = Number(process.env['LARGE_LAYER_BYTES'] ?? 1_500_000_000);
const MAX_MEMORY = 300_000_000;
/** What clients and proxies wait for an answer. */
const MAX_PUT_SECONDS = 30;

const lacks = (await whyNotTested('a large layer', ['skopeo'], { needsRoot: false })) || (await lacksRoom());

describe.skipIf(lacks)(`a layer of ${SIZE / 1e9} GB`, () => {
  it('is pushed by skopeo in bounded memory, hashed on its way, and pulled again', { timeout: 600_000 }, async () => {
    await using directory = await temporaryDirectory();
    const layout = join(directory.path, 'layout');
    const layer = await writeSparseLayout(layout);
    await using layover = await Layover.startProcess();
    const { host } = new URL(layover.url);
    const read = await bytesReadBy(layover.pid);
    await runProgram(
      'skopeo',
      [
        '--insecure-policy',
        'copy',
        '--preserve-digests',
        '--dest-tls-verify=false',
        `oci:${layout}:1`,
        `docker://${host}/team/large:1`,
      ],
      { timeoutMs: 300_000 },
    );
    // Once from the socket; a second time would be to hash it.
    expect((await bytesReadBy(layover.pid)) - read).toBeLessThan(SIZE * 1.2);
    const seconds = await finishSeconds(layover, layer);
    const pulled = await fetch(`${layover.url}/v2/team/large/blobs/${layer}`);
    expect(await digestOfBody(pulled)).toBe(layer);
    const peak = await layover.peakRss();
    console.info(`${SIZE} bytes: the last PUT took ${seconds} s, the server had ${Math.round(peak / 1e6)} MB at most`);
    expect(seconds).toBeLessThan(MAX_PUT_SECONDS);
    expect(peak).toBeLessThan(MAX_MEMORY);
  });
});

/** There, in the registry, and as much again to spare. */
async function lacksRoom(): Promise<boolean> {
  const { bavail, bsize } = await statfs(tmpdir());
  if (bavail * bsize > 2 * SIZE) return false;
  console.warn(`a layer of ${SIZE} bytes is not tested: ${tmpdir()} has room for ${bavail * bsize}`);
  return true;
}

/** An image layout with a layer of zeros that takes no room. @returns the layer's digest */
async function writeSparseLayout(layout: string): Promise<Digest> {
  await mkdir(join(layout, 'blobs/sha256'), { recursive: true });
  const at = (digest: Digest) => join(layout, 'blobs/sha256', digestHex(digest));
  const add = async (value: object) => {
    const bytes = Buffer.from(JSON.stringify(value));
    await writeFile(at(digestOf(bytes)), bytes);
    return { digest: digestOf(bytes), size: bytes.length };
  };
  const layer = digestOfZeros();
  await using file = await open(at(layer), 'w');
  await file.truncate(SIZE);
  const { manifest: mediaType, config: configType, layer: layerType } = MEDIA_TYPES.oci;
  const rootfs = { type: 'layers', diff_ids: [layer] };
  const config = { mediaType: configType, ...(await add({ architecture: 'amd64', os: 'linux', config: {}, rootfs })) };
  const layers = [{ mediaType: layerType, digest: layer, size: SIZE }];
  const manifest = await add({ schemaVersion: 2, mediaType, config, layers });
  const named = { mediaType, ...manifest, annotations: { 'org.opencontainers.image.ref.name': '1' } };
  await writeFile(join(layout, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [named] }));
  await writeFile(join(layout, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
  return layer;
}

function digestOfZeros(): Digest {
  const hash = createHash('sha256');
  const zeros = Buffer.alloc(4_000_000);
  for (let left = SIZE; left > 0; left -= zeros.length) hash.update(zeros.subarray(0, Math.min(left, zeros.length)));
  return digestFromHash(hash, 'sha256');
}

async function digestOfBody({ body }: Response): Promise<Digest> {
  const hash = createHash('sha256');
  for await (const chunk of body ?? []) hash.update(chunk as Uint8Array);
  return digestFromHash(hash, 'sha256');
}

/** From files and from sockets, by proc(5). */
async function bytesReadBy(pid: number): Promise<number> {
  return Number(/^rchar: (\d+)$/m.exec(await readFile(`/proc/${pid}/io`, 'utf8'))?.[1]);
}

/** How long the access log says that the last request of the upload took. */
async function finishSeconds(layover: Layover, digest: Digest): Promise<number> {
  const line = new RegExp(`method=PUT .*${digestHex(digest)}" .*response\\.duration=([\\d.]+)ms`);
  const [, milliseconds] = await layover.waitForOutput(line);
  return Number(milliseconds) / 1000;
}
