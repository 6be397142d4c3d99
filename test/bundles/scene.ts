import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { formatLock, type LockedImage } from '../../src/lists/lock-file.ts';
import { cacheConfig, sharedHub } from '../integration/scene.ts';
import { expectStored } from '../integration/stored-data.ts';
import { pullImage, startExpiringCache } from '../retention/expiring-cache.ts';
import type { Hub } from '../support/hub.ts';
import { Images } from '../support/images.ts';
import { Layover } from '../support/layover.ts';
import { runLayover } from '../support/run-layover.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const images = new Images();
export const multi = images.addIndex('library/multi', '1', { layers: [300_000] });
export const single = images.addImage('library/single', 'v1', { layers: [200_000] });
export const signatureTag = `${single.digest.replace(':', '-')}.sig`;
export const signature = images.addImage('library/single', signatureTag, { layers: [4096], seed: 'signature' });
export const sbom = images.addArtifact('library/single', single, 'application/example.sbom', 'parts');

export const { amd64, arm64 } = multi.images;
export const locked: readonly LockedImage[] = [
  {
    name: 'docker.io/library/multi:1',
    digest: multi.digest,
    size: 300_000,
    manifests: [{ digest: amd64.digest, platform: 'linux/amd64' }],
    attachments: [],
  },
  {
    name: 'docker.io/library/single:v1',
    digest: single.digest,
    size: 200_000,
    manifests: [],
    attachments: [{ digest: signature.digest, tag: signatureTag }, { digest: sbom.digest }],
  },
];

/** Call it once at the top of each test file: they share a process, and each has its hub. */
export function bundleScenes() {
  const hub = sharedHub(images);
  const startOffline = () => Layover.start({ config: cacheConfig(hub(), { proxy: { offline: true } }) });
  return {
    hub,
    /** A cache with the locked images, and a directory with their lock. */
    startScene: () => startScene(hub()),
    /** A cache that never calls an upstream. */
    startOffline,
    /** The same, stopped. */
    startInside: async () => {
      const layover = await startOffline();
      await layover.kill('SIGTERM');
      return layover;
    },
  };
}

async function startScene(hub: Hub) {
  const layover = await startExpiringCache(hub);
  const directory = await temporaryDirectory();
  await pullImage(layover, 'library/multi', { tag: '1', layers: [] });
  await pullImage(layover, 'library/multi', { tag: amd64.digest, layers: [amd64.config, ...amd64.layers] });
  for (const [tag, manifest] of Object.entries({ v1: single, [signatureTag]: signature, [sbom.digest]: sbom })) {
    await pullImage(layover, 'library/single', { tag, layers: partsOf(manifest) });
  }
  await expectStored(layover, [multi.digest, ...amd64.layers, single.digest, ...single.layers, ...partsOf(sbom)]);
  await writeFile(join(directory.path, 'lock.yaml'), formatLock({ platforms: [], images: locked }));
  const path = (name: string) => join(directory.path, name);
  return {
    layover,
    path,
    create: (name: string, ...options: readonly string[]) =>
      bundle('create', '-o', path(name), '--from', path('lock.yaml'), ...options, layover.configFile),
    async [Symbol.asyncDispose]() {
      await layover[Symbol.asyncDispose]();
      await directory[Symbol.asyncDispose]();
    },
  };
}

function partsOf({ bytes }: typeof sbom) {
  const { config, layers } = JSON.parse(bytes.toString()) as { config: typeof sbom; layers: (typeof sbom)[] };
  return [config, ...layers].map(({ digest }) => digest);
}

export const bundle = (...args: readonly string[]) => runLayover(['bundle', ...args]);

export function blobPath(digest: string): string {
  return `blobs/${digest.replace(':', '/')}`;
}

/** Makes the sums right again after a change: as somebody does who makes a bundle on purpose. */
export async function resum(directory: string): Promise<void> {
  const sums = join(directory, 'layover/SHA256SUMS');
  const lines = (await readFile(sums, 'utf8')).trimEnd().split('\n');
  const right = lines.map(async (line) => {
    const path = line.slice(66);
    if (path.startsWith('blobs/')) return line;
    const sum = createHash('sha256').update(await readFile(join(directory, path)));
    return `${sum.digest('hex')}  ${path}`;
  });
  await writeFile(sums, `${(await Promise.all(right)).join('\n')}\n`);
}
