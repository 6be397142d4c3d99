import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { cacheConfig } from '../integration/scene.ts';
import { writeDistributionLayout } from '../support/distribution-layout.ts';
import { HELLO_LINE } from '../support/hello-program.ts';
import { type BuiltIndex, Images } from '../support/images.ts';
import { Layover } from '../support/layover.ts';
import { runProgram } from '../support/processes.ts';
import { type RegistryBackend, startRegistryBackend } from '../support/registry-backend.ts';
import { runLayover } from '../support/run-layover.ts';
import { temporaryDirectory, type TemporaryDirectory } from '../support/temporary-directory.ts';
import { startContainerdDaemon } from './containerd-daemon.ts';
import { containerd, docker, podman, skopeo } from './pull-clients.ts';
import { whyNotTested } from './why-not-tested.ts';

const CLIENTS = [docker, containerd, podman, skopeo];
const PROGRAMS = ['docker-registry', ...new Set(CLIENTS.flatMap(({ programs }) => programs))];
const unready = await whyNotTested('supplying a site without a network', PROGRAMS, { needsRoot: true });

const REPOSITORIES = Array.from({ length: 10 }, (_, i) => `library/app-${i}`);
/** Two architectures of ten images have 6 MB. */
const LAYERS = [300_000];
const VOLUME = '2500KB';
const PLATFORMS = ['--platform', 'linux/amd64', '--platform', 'linux/arm64'];
/** Nothing listens there. */
const UNREACHABLE = { url: 'http://127.0.0.1:1' };

/** An image for two architectures, with a signature and an SBOM under cosign's tags. */
function addSigned(images: Images, repository: string, seed: string): BuiltIndex {
  const index = images.addIndex(repository, '1', { layers: LAYERS, seed });
  for (const kind of ['sig', 'sbom']) {
    images.addImage(repository, `${index.digest.replace(':', '-')}.${kind}`, { seed: `${seed} ${kind}` });
  }
  return index;
}

const layersOf = ({ images }: BuiltIndex) => Object.values(images).flatMap(({ layers }) => layers);

describe.skipIf(unready)('a site without a network', { timeout: 300_000 }, () => {
  const images = new Images();
  const first = REPOSITORIES.map((repository) => addSigned(images, repository, `${repository} first`));
  let upstream: RegistryBackend;
  let outside: Layover;
  let inside: Layover;
  let directory: TemporaryDirectory;

  beforeAll(async () => {
    upstream = await startRegistryBackend(images);
    outside = await Layover.startProcess({ config: cacheConfig(upstream, { upstream: { tags: { ttl: '1s' } } }) });
    inside = await Layover.startProcess({ config: cacheConfig(UNREACHABLE, { proxy: { offline: true } }) });
    directory = await temporaryDirectory();
  });
  afterAll(async () => {
    for (const part of [inside, outside, upstream, directory]) await part?.[Symbol.asyncDispose]();
  });

  const at = (name: string) => join(directory.path, name);
  const layover = async (...args: readonly string[]) => {
    const { code, stdout, stderr } = await runLayover(args);
    expect(code, stdout + stderr).toBe(0);
    return stdout;
  };

  /** Locks the images at the upstream under the names of Docker Hub, which cannot be reached from here, and fetches them. */
  const lockAndWarm = async (lock: string) => {
    const { host } = new URL(upstream.url);
    await writeFile(at('images.txt'), REPOSITORIES.map((repository) => `${host}/${repository}:1\n`).join(''));
    await layover('lock', at('images.txt'), ...PLATFORMS, '--output', at(lock));
    await writeFile(at(lock), (await readFile(at(lock), 'utf8')).replaceAll(host, 'docker.io'));
    const target = ['--wait', '--config', outside.configFile];
    await layover('warm', '--from', at(lock), ...PLATFORMS, '--referrers', ...target);
    expect(await layover('check', at(lock), '--referrers', outside.configFile)).toBe('10 of 10 pull offline\n');
  };

  it('gets ten images in three volumes, in any order', async () => {
    await lockAndWarm('first.lock.yaml');
    const from = ['--from', at('first.lock.yaml')];
    await layover('bundle', 'create', ...from, '-o', at('usb.tar'), '--volume', VOLUME, outside.configFile);
    const volumes = ['usb.001.tar', 'usb.002.tar', 'usb.003.tar'].map(at);
    await expect(readFile(at('usb.004.tar'))).rejects.toThrow('ENOENT');
    const [one = '', two = '', three = ''] = volumes;

    const partly = await runLayover(['bundle', 'import', three, one, inside.configFile]);
    expect(partly).toMatchObject({ code: 1, stderr: expect.stringContaining('needs usb.002.tar') });
    expect(await layover('bundle', 'import', two, inside.configFile)).toContain('10 of 10 images imported');
    const check = ['check', at('first.lock.yaml'), '--referrers', '--read', inside.configFile];
    expect(await layover(...check)).toBe('10 of 10 pull offline\n');
  });

  it.each(CLIENTS)('pulls each of them with $name', async (kind) => {
    await using client = await kind.start(inside.url);
    for (const repository of REPOSITORIES) await client.pull(`docker.io/${repository}:1`);
    const printed = await client.run('docker.io/library/app-0:1');
    // skopeo runs nothing.
    expect(printed?.trim()).toBe(kind === skopeo ? undefined : HELLO_LINE);
  });

  it('imports a bundle of one file as k3s does', async () => {
    await layover('bundle', 'create', '--from', at('first.lock.yaml'), '-o', at('whole.tar'), outside.configFile);
    await using daemon = await startContainerdDaemon();
    await daemon.ctr('images', 'import', '--snapshotter', 'native', at('whole.tar'));
    const names = (await daemon.ctr('images', 'ls', '-q')).split('\n');
    expect(names).toEqual(expect.arrayContaining(REPOSITORIES.map((repository) => `docker.io/${repository}:1`)));
  });

  it('gets the blobs of two moved images alone with the second delivery', async () => {
    const moved = new Images();
    const second = REPOSITORIES.slice(0, 2).map((repository) => addSigned(moved, repository, `${repository} second`));
    await writeDistributionLayout(upstream.rootDirectory, moved);
    await lockAndWarm('second.lock.yaml');
    await writeFile(at('have.txt'), await layover('bundle', 'inventory', inside.configFile));
    const delta = ['--from', at('second.lock.yaml'), '--have', at('have.txt'), '-o', at('next.tar')];
    await layover('bundle', 'create', ...delta, outside.configFile);
    const files = (await runProgram('tar', ['-tf', at('next.tar')])).stdout;
    const carried = (index: BuiltIndex) => layersOf(index).filter((layer) => files.includes(layer.replace(':', '/')));
    expect(second.map(carried)).toEqual(second.map(layersOf));
    expect(first.flatMap(carried)).toEqual([]);

    expect(await layover('bundle', 'import', at('next.tar'), inside.configFile)).toContain('10 of 10 images imported');
    const check = ['check', at('second.lock.yaml'), '--referrers', '--read', inside.configFile];
    expect(await layover(...check)).toBe('10 of 10 pull offline\n');
    const digests = await Promise.all(
      REPOSITORIES.slice(0, 3).map(async (repository) => {
        const response = await fetch(`${inside.url}/v2/${repository}/manifests/1`, { method: 'HEAD' });
        return response.headers.get('docker-content-digest');
      }),
    );
    expect(digests).toEqual([...second.map(({ digest }) => digest), first[2]?.digest]);
  });
});
