import { chmod, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';

import { ARCHITECTURES } from '../../scripts/packaging/architecture.ts';
import { type MadeImage, makeImage } from '../../scripts/packaging/make-image.ts';
import { startPodmanSettings } from '../clients/podman-settings.ts';
import { Hub } from '../support/hub.ts';
import { Images } from '../support/images.ts';
import { dockerHubUpstream } from '../support/layover.ts';
import { freePort } from '../support/processes.ts';
import { temporaryDirectory, type TemporaryDirectory } from '../support/temporary-directory.ts';
import { facts, isSkipped, OUT, ownArchitecture, ROOT } from './built-packages.ts';
import { filesOfImage, readJson } from './layer-files.ts';
import { seccompProfile } from './syscall-filter.ts';

const MAX_BYTES = 90_000_000;
/** `e_machine` of an ELF file. */
const MACHINE = { amd64: 62, arm64: 183 };
const LAYOUT = join(OUT, 'image/oci');

const unbuilt = await isSkipped('the container image', { programs: ['apt-get', 'dpkg-deb'] });

describe.skipIf(unbuilt)('the container image', async () => {
  let made: MadeImage;
  beforeAll(async () => {
    made = await makeImage({ root: ROOT, architectures: ARCHITECTURES, out: join(OUT, 'image'), ...facts });
  });

  it('is one index with an image for each platform, each at most 90 MB', async () => {
    expect(await readJson(LAYOUT, made.index.digest)).toMatchObject({
      manifests: ARCHITECTURES.map((architecture) => ({ platform: { os: 'linux', architecture } })),
      annotations: { 'org.opencontainers.image.version': facts.version },
    });
    for (const { size } of made.images) expect(size).toBeLessThanOrEqual(MAX_BYTES);
    console.log(made.images.map(({ architecture, size }) => `${architecture}: ${size} bytes compressed`).join(', '));
  });

  it('has labels and a numeric user', async () => {
    for (const { config } of made.images) {
      expect(await readJson(LAYOUT, config.digest)).toMatchObject({
        config: {
          User: '1000:1000',
          Labels: { 'org.opencontainers.image.title': 'layover', 'org.opencontainers.image.licenses': 'Apache-2.0' },
        },
      });
    }
  });

  it.each(ARCHITECTURES)(
    'for %s has programs of that architecture alone, and nothing that sets a user',
    async (architecture) => {
      const image = made.images.find((other) => other.architecture === architecture);
      const files = await filesOfImage(LAYOUT, image?.manifest.digest ?? '');
      const programs = [...files].filter(([, { head }]) => head.subarray(0, 4).toString('latin1') === '\u007fELF');
      const others = programs.filter(([, { head }]) => head.readUInt16LE(18) !== MACHINE[architecture]);
      expect(others.map(([path]) => path)).toEqual([]);
      const names = programs.map(([path]) => path).join('\n');
      for (const needed of ['usr/bin/node', 'usr/bin/env', 'libc.so.6', 'libstdc++.so.6', 'lmdb', 'bcrypt']) {
        expect(names).toContain(needed);
      }
      expect([...files].filter(([, { mode, uid }]) => (mode & 0o6000) !== 0 || ![0, 1000].includes(uid))).toEqual([]);
      expect(files.get('usr/bin/registry')?.linkname).toBe('/opt/layover/dist/main.js');
      expect(files.get('var/lib/registry')?.uid).toBe(1000);
      if (architecture !== ownArchitecture)
        console.warn(`linux/${architecture}: its programs are not run on ${process.arch}`);
    },
  );

  it('names what it contains', async () => {
    for (const architecture of ARCHITECTURES) {
      const file = join(OUT, `image/layover-${facts.version}-linux-${architecture}.cdx.json`);
      const { components } = JSON.parse(await readFile(file, 'utf8')) as { components: readonly Component[] };
      const purls = components.map(({ purl }) => purl).join('\n');
      expect(purls).toMatch(/^pkg:deb\/\w+\/libc6@[^\n]+arch=/m);
      expect(purls).toMatch(/^pkg:npm\/%40aws-sdk\/client-s3@/m);
      expect(components.find(({ name }) => name === 'node')?.cpe).toMatch(/^cpe:2\.3:a:nodejs:node\.js:24\./);
      expect(new Set(components.map((component) => component['bom-ref'])).size).toBe(components.length);
      expect(purls).toContain(`lmdb-linux-${architecture === 'amd64' ? 'x64' : 'arm64'}@`);
    }
  });

  const notRun = await isSkipped('running the container image', { programs: ['podman', 'runc'], root: true });
  const unfiltered = notRun || (await isSkipped('the system calls of the unit', { programs: ['systemd-analyze'] }));
  describe.skipIf(notRun)('run by podman', () => {
    describeRunning({ unfiltered });
  });
});

interface Component {
  readonly name: string;
  readonly purl: string;
  readonly cpe?: string;
  readonly 'bom-ref': string;
}

// Podman's own limits may be more than the machine that runs the tests allows.
const MODEST = ['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=1024:1024', '--network=host', '--pull=never'];

function describeRunning({ unfiltered }: { readonly unfiltered: boolean }): void {
  const images = new Images();
  const image = images.addImage('library/app', '1');
  let podman: Awaited<ReturnType<typeof startPodmanSettings>>;
  let directory: TemporaryDirectory;
  let hub: Hub;
  beforeAll(async () => {
    [podman, directory, hub] = [await startPodmanSettings(), await temporaryDirectory(), await Hub.start(images)];
    await podman.run('load', '-i', join(OUT, `image/layover-${facts.version}-linux-${ownArchitecture}.image.tar`));
  });
  afterAll(async () => {
    await hub[Symbol.asyncDispose]();
    await podman[Symbol.asyncDispose]();
    await directory[Symbol.asyncDispose]();
  });

  const name = `localhost/layover:${facts.version}`;
  const once = (...args: string[]) => podman.run('run', '--rm', ...MODEST, name, ...args);

  /** Starts a container; `await using` removes it. */
  async function start({ options = [], args = [] }: { options?: readonly string[]; args?: readonly string[] }) {
    const id = (await podman.run('run', '-d', ...MODEST, ...options, name, ...args)).trim();
    return {
      exec: (...command: string[]) => podman.run('exec', id, ...command),
      healthcheck: () => podman.run('healthcheck', 'run', id),
      async [Symbol.asyncDispose]() {
        await podman.run('rm', '--force', '--time', '40', id);
      },
    };
  }

  /** A configuration as a file of this machine. */
  async function configuration() {
    const [port, debugPort] = [await freePort(), await freePort()];
    const file = join(directory.path, `config-${port}.yml`);
    await chmod(directory.path, 0o755);
    const text = stringify({
      version: 0.1,
      storage: { filesystem: { rootdirectory: '/var/lib/registry/cache' } },
      http: { addr: `127.0.0.1:${port}`, debug: { addr: `127.0.0.1:${debugPort}` } },
      proxy: { upstreams: [dockerHubUpstream(hub)] },
    });
    await writeFile(file, text, { mode: 0o644 });
    return { file, url: `http://127.0.0.1:${port}` };
  }

  it('prints its version under both names', async () => {
    expect(await once('--version')).toBe(`layover ${facts.version}\n`);
    const registry = await podman.run('run', '--rm', ...MODEST, '--entrypoint', 'registry', name, '--version');
    expect(registry).toBe(`/usr/bin/registry layover v${facts.version}\n`);
  });

  it.each([
    ['the configuration of registry:3', '/etc/distribution/config.yml', []],
    ['the configuration of registry:2', '/etc/docker/registry/config.yml', []],
    ['a FILE alone', '/srv/own.yml', ['/srv/own.yml']],
  ])('serves %s, read-only, and its commands find the server', { timeout: 180_000 }, async (_, at, args) => {
    const { file, url } = await configuration();
    const named = at === '/srv/own.yml' ? [at] : [];
    const options = [
      '--read-only',
      '--volume',
      `${file}:${at}:ro`,
      '--health-cmd',
      'CMD layover healthcheck',
      '--health-interval=disable',
    ];
    await using container = await start({ options, args });
    await expect
      .poll(() => container.exec('layover', 'healthcheck', ...named).catch(String))
      .toContain('responded with 200');
    const pulled = await fetch(`${url}/v2/library/app/manifests/1`);
    expect(pulled.headers.get('docker-content-digest')).toBe(image.digest);
    expect(await pulled.text()).toContain('layers');
    const config = named.flatMap((path) => [path]);
    await expect.poll(() => container.exec('layover', 'cache', 'list', ...config)).toContain('library/app:1');
    if (args.length === 0) await expect(container.healthcheck()).resolves.toBeDefined();
  });

  it.skipIf(unfiltered)('needs no other system calls and capabilities than layover.service has', async () => {
    const unit = await readFile(join(ROOT, 'packaging/systemd/layover.service'), 'utf8');
    const profile = join(directory.path, 'seccomp.json');
    await writeFile(profile, await seccompProfile(unit));
    const { file, url } = await configuration();
    const confined = ['--cap-drop=ALL', '--security-opt=no-new-privileges', `--security-opt=seccomp=${profile}`];
    await using container = await start({
      options: [...confined, '--volume', `${file}:/etc/distribution/config.yml:ro`],
    });
    await expect.poll(() => container.exec('layover', 'healthcheck').catch(String)).toContain('responded with 200');
    for (const path of ['manifests/1', `blobs/${image.config}`]) {
      expect((await fetch(`${url}/v2/library/app/${path}`)).status).toBe(200);
    }
    await expect.poll(() => container.exec('layover', 'cache', 'list')).toContain('library/app:1');
  });

  it('reports a volume that belongs to root, with both remedies; as root it is used', async () => {
    const volume = join(directory.path, 'volume');
    await mkdir(volume, { mode: 0o755 });
    const { file, url } = await configuration();
    const mounts = [
      '--volume',
      `${volume}:/var/lib/registry/cache`,
      '--volume',
      `${file}:/etc/distribution/config.yml:ro`,
    ];
    const refused = podman.run('run', '--rm', ...MODEST, ...mounts, name);
    await expect(refused).rejects.toThrow(
      /layover: \/var\/lib\/registry\/cache belongs to user 0 .*chown -R 1000:1000 .*run Layover as user 0/,
    );
    await using container = await start({ options: [...mounts, '--user', '0'] });
    await expect.poll(() => container.exec('layover', 'healthcheck').catch(String)).toContain('responded with 200');
    expect((await fetch(`${url}/v2/library/app/manifests/1`)).status).toBe(200);
    await expect
      .poll(() =>
        stat(join(volume, 'docker')).then(
          () => true,
          () => false,
        ),
      )
      .toBe(true);
  });
}
