import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { formatLock, type LockedImage } from '../../src/lists/lock-file.ts';
import { sharedHub } from '../integration/scene.ts';
import { cacheCommand } from '../retention/command.ts';
import { pullBlob, pullImage, startExpiringCache } from '../retention/expiring-cache.ts';
import { expectStored } from '../integration/stored-data.ts';
import { type BuiltIndex, Images } from '../support/images.ts';
import type { Layover } from '../support/layover.ts';
import { runLayover } from '../support/run-layover.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const images = new Images();
const multi = images.addIndex('library/multi', '1', { layers: [100_000] });
const single = images.addImage('library/single', 'v1', { layers: [200_000] });
const signatureTag = `${single.digest.replace(':', '-')}.sig`;
const signature = images.addImage('library/single', signatureTag, { layers: [4096], seed: 'signature' });
const sbom = images.addArtifact('library/single', single, 'application/example.sbom', 'parts');
const hub = sharedHub(images);

const lockedSingle: LockedImage = {
  name: 'docker.io/library/single:v1',
  digest: single.digest,
  size: 1,
  manifests: [],
  attachments: [{ digest: signature.digest, tag: signatureTag }, { digest: sbom.digest }],
};

function lockedMulti({ digest, images: { amd64, arm64 } }: BuiltIndex, platforms: readonly string[]): LockedImage {
  const manifests = [
    { digest: amd64.digest, platform: 'linux/amd64' },
    { digest: arm64.digest, platform: 'linux/arm64' },
  ].filter(({ platform }) => platforms.length === 0 || platforms.includes(platform));
  return { name: 'docker.io/library/multi:1', digest, size: 1, manifests, attachments: [] };
}

async function startFilled() {
  const layover = await startExpiringCache(hub());
  const { amd64 } = multi.images;
  await pullImage(layover, 'library/multi', { tag: '1', layers: [] });
  await pullImage(layover, 'library/multi', { tag: amd64.digest, layers: [amd64.config, ...amd64.layers] });
  await pullImage(layover, 'library/single', { tag: 'v1', layers: [single.config, ...single.layers] });
  await expectStored(layover, [multi.digest, amd64.digest, ...amd64.layers, single.digest, ...single.layers]);
  return layover;
}

async function check(layover: Layover, locked: readonly LockedImage[], ...options: readonly string[]) {
  await using directory = await temporaryDirectory();
  const lock = join(directory.path, 'images.lock.yaml');
  await writeFile(lock, formatLock({ platforms: [], images: locked }));
  return await runLayover(['check', lock, layover.configFile, ...options]);
}

describe.each(['a running', 'a stopped'] as const)('layover check of the cache of %s server', (state) => {
  it('proves that the locked platforms pull offline, and names what is missing for others', async () => {
    await using layover = await startFilled();
    if (state === 'a stopped') await layover.kill('SIGTERM');
    const amd64 = [lockedMulti(multi, ['linux/amd64']), lockedSingle];
    expect(await check(layover, amd64)).toEqual({
      code: 0,
      signal: null,
      stdout: '2 of 2 pull offline\n',
      stderr: '',
    });
    const { arm64 } = multi.images;
    expect(await check(layover, [lockedMulti(multi, []), lockedSingle])).toMatchObject({
      code: 1,
      stdout: `docker.io/library/multi:1 (linux/arm64): manifest ${arm64.digest} is not stored\n1 of 2 pull offline\n`,
    });
  });

  it('with --read finds damaged blobs, and without it those of another size', async () => {
    await using layover = await startFilled();
    const [, layer = single.digest] = single.layers;
    const file = blobFile(layover, layer);
    const bytes = await readFile(file);
    if (state === 'a stopped') await layover.kill('SIGTERM');
    await writeFile(file, bytes.fill(0, 100, 200));
    expect((await check(layover, [lockedSingle])).code).toBe(0);
    const damaged = { code: 1, stdout: `docker.io/library/single:v1: blob ${layer} is damaged\n0 of 1 pull offline\n` };
    expect(await check(layover, [lockedSingle], '--read')).toMatchObject(damaged);
    await writeFile(file, bytes.subarray(1));
    const short = await check(layover, [lockedSingle]);
    expect(short.stdout).toContain(`blob ${layer} has ${bytes.length - 1} bytes and not ${bytes.length}`);
  });
});

describe('layover check', () => {
  it('with --referrers also needs attachments, under their tags and in the list of referrers', async () => {
    await using layover = await startFilled();
    const { stdout, code } = await check(layover, [lockedSingle], '--referrers');
    expect(code).toBe(1);
    expect(stdout).toContain(`docker.io/library/single:v1: manifest ${signature.digest} is not stored`);
    expect(stdout).toContain(`docker.io/library/single:v1: the tag ${signatureTag} is not stored`);
    expect(stdout).toContain(`docker.io/library/single:v1: manifest ${sbom.digest} is not stored`);
    for (const tag of [signatureTag, sbom.digest]) {
      await pullImage(layover, 'library/single', { tag, layers: [] });
      for (const { digest } of await partsOf(tag)) await pullBlob(layover, 'library/single', digest);
    }
    await layover.settled();
    expect(await check(layover, [lockedSingle], '--referrers')).toMatchObject({
      code: 0,
      stdout: '1 of 1 pull offline\n',
    });
  });

  it('compares the tag with the lock, and knows which names are served', async () => {
    await using layover = await startFilled();
    const other = { ...lockedSingle, digest: multi.digest };
    expect((await check(layover, [other])).stdout).toBe(
      [
        `docker.io/library/single:v1: the tag v1 is ${single.digest}`,
        `docker.io/library/single:v1: manifest ${multi.digest} is not stored`,
        '0 of 1 pull offline\n',
      ].join('\n'),
    );
    const elsewhere = { ...lockedSingle, name: 'quay.example/library/single:v1' };
    expect((await check(layover, [elsewhere])).stdout).toContain('no upstream here is named quay.example');
    const byDigest = { ...lockedSingle, name: `docker.io/library/single@${single.digest}` };
    expect(await check(layover, [byDigest])).toMatchObject({ code: 0 });
  });

  it('prints JSON', async () => {
    await using layover = await startFilled();
    const { arm64 } = multi.images;
    const { stdout, code } = await check(layover, [lockedMulti(multi, []), lockedSingle], '--json');
    expect([code, JSON.parse(stdout)]).toEqual([
      1,
      {
        complete: 1,
        total: 2,
        images: [
          {
            name: 'docker.io/library/multi:1',
            complete: false,
            stored: 'docker.io/library/multi',
            missing: [{ part: 'manifest', digest: arm64.digest, of: arm64.digest, problem: 'is not stored' }],
          },
          { name: lockedSingle.name, complete: true, stored: 'docker.io/library/single', missing: [] },
        ],
      },
    ]);
  });

  it('what it proves can be pulled when the upstream fails', async () => {
    await using layover = await startFilled();
    await cacheCommand(layover, 'cache', 'refresh', 'docker.io/library/multi:1');
    expect(await check(layover, [lockedMulti(multi, ['linux/amd64'])])).toMatchObject({ code: 0 });
    const allow = hub().faults.fail(undefined, { status: 500 });
    try {
      const { amd64 } = multi.images;
      await pullImage(layover, 'library/multi', { tag: '1', layers: [] });
      await pullImage(layover, 'library/multi', { tag: amd64.digest, layers: [amd64.config, ...amd64.layers] });
    } finally {
      allow();
    }
  });

  it('is a command of bundle, too', async () => {
    await using layover = await startFilled();
    expect(await runLayover(['bundle', 'check', 'nowhere.yaml', layover.configFile])).toMatchObject({
      code: 1,
      stderr: 'layover: nowhere.yaml: no such file\n',
    });
  });

  it('reports a lock that cannot be used', async () => {
    await using layover = await startFilled();
    expect((await runLayover(['check', 'nowhere.yaml', layover.configFile])).stderr).toBe(
      'layover: nowhere.yaml: no such file\n',
    );
    expect(await check(layover, [])).toMatchObject({ code: 1, stderr: expect.stringContaining('locks no images') });
    const broken = { ...lockedSingle, digest: 'sha256:0' as never };
    expect(await check(layover, [broken])).toMatchObject({ code: 1, stderr: expect.stringContaining('digest') });
    const many = Array.from({ length: 3_000 }, (_, i) => ({
      digest: `sha256:${String(i).padStart(64, '0')}` as never,
    }));
    expect(await check(layover, [{ ...lockedSingle, attachments: many }], '--referrers')).toMatchObject({ code: 1 });
  });
});

async function partsOf(reference: string): Promise<readonly { readonly digest: typeof single.digest }[]> {
  const { bytes } = reference === sbom.digest ? sbom : signature;
  const { config, layers } = JSON.parse(bytes.toString()) as { config: typeof single; layers: (typeof single)[] };
  return [config, ...layers];
}

function blobFile(layover: Layover, digest: string): string {
  const hex = digest.slice('sha256:'.length);
  return join(layover.dataDirectory, 'docker/registry/v2/blobs/sha256', hex.slice(0, 2), hex, 'data');
}

describe('layover check', () => {
  it('of storage that is not there names all images, and creates nothing', async () => {
    await using directory = await temporaryDirectory();
    const [lock, config] = [join(directory.path, 'lock.yaml'), join(directory.path, 'config.yml')];
    await writeFile(lock, formatLock({ platforms: [], images: [lockedSingle] }));
    const rootdirectory = join(directory.path, 'data');
    await writeFile(config, JSON.stringify({ version: 0.1, storage: { filesystem: { rootdirectory } } }));
    const checked = await runLayover(['check', lock, config]);
    expect(checked).toMatchObject({ code: 1, stderr: '' });
    expect(checked.stdout).toMatch(/0 of 1 pull offline\n$/);
    expect((await readdir(directory.path)).sort()).toEqual(['config.yml', 'lock.yaml']);
  });

  it('of a list of images names the command that makes a lock', async () => {
    await using directory = await temporaryDirectory();
    const list = join(directory.path, 'images.txt');
    await writeFile(list, 'alpine:3.20\nnginx:1.27\n');
    const expected = `layover: ${list}: not a lock (make one of a list of images: layover lock ${list})\n`;
    expect(await runLayover(['check', list])).toMatchObject({ code: 1, stderr: expected });
  });
});
