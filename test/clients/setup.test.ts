import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { Hub } from '../support/hub.ts';
import { Images } from '../support/images.ts';
import { dockerHubUpstream, Layover } from '../support/layover.ts';
import { type CommandResult, runLayover } from '../support/run-layover.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { startContainerdDaemon } from './containerd-daemon.ts';
import { containersSettings } from './containers-image.ts';
import { startDockerDaemon } from './docker-daemon.ts';
import { whyNotTested } from './why-not-tested.ts';

const lacks = await whyNotTested('layover setup', ['dockerd', 'docker', 'containerd', 'ctr', 'podman', 'skopeo'], {
  needsRoot: true,
});

/** A cache, and the files of a machine that `layover setup` changes. */
async function scene() {
  const hub = await Hub.start(new Images());
  const layover = await Layover.start({ config: { proxy: { upstreams: [dockerHubUpstream(hub)] } } });
  const directory = await temporaryDirectory();
  const run = (env: Readonly<Record<string, string>>, ...args: readonly string[]): Promise<CommandResult> =>
    runLayover(['setup', ...args, '--root', directory.path, '--address', layover.url], { env });
  const verify = (env: Readonly<Record<string, string>>, ...args: readonly string[]): Promise<CommandResult> =>
    runLayover(['setup', ...args, '--verify'], { env });
  return {
    layover,
    at: (path: string) => join(directory.path, path),
    run,
    verify,
    [Symbol.asyncDispose]: async () => {
      await layover[Symbol.asyncDispose]();
      await hub[Symbol.asyncDispose]();
      await directory[Symbol.asyncDispose]();
    },
  };
}

const SERVED = /^√ docker\.io: pulled through the cache by /m;
const NOT_SERVED = /^× docker\.io: .* did not get the image from a cache: ./m;

describe.skipIf(lacks)('layover setup --verify', () => {
  it('proves that dockerd uses the cache after a reload, and not before', async () => {
    await using machine = await scene();
    const file = machine.at('etc/docker/daemon.json');
    await mkdir(machine.at('etc/docker'), { recursive: true });
    await writeFile(file, '{ "debug": true }');
    await using daemon = await startDockerDaemon(['--config-file', file]);
    const env = { DOCKER_HOST: daemon.host };
    const before = await machine.verify(env, 'docker');
    expect([before.code, before.stdout]).toEqual([1, expect.stringMatching(NOT_SERVED)]);
    expect(await machine.run(env, 'docker', '--write', '--yes', '--store', 'classic')).toMatchObject({ code: 0 });
    daemon.reload();
    const verify = async () => (await machine.verify(env, 'docker')).stdout;
    await expect.poll(verify, { timeout: 60_000 }).toMatch(SERVED);
    expect(await daemon.docker('images', '--quiet')).toBe('');
    expect(await machine.run(env, 'docker', '--undo', '--yes')).toMatchObject({ code: 0 });
  });

  it.each([[[]], [['--enforce']]])('proves that containerd uses the cache: %j', async (more) => {
    await using machine = await scene();
    await using client = await startContainerdDaemon();
    const env = {
      CONTAINERD_ADDRESS: client.at('containerd.sock'),
      CONTAINERD_NAMESPACE: 'test',
      PATH: await pathWithCtr(client.at('bin'), machine.at('etc/containerd/certs.d')),
    };
    const before = await machine.verify(env, 'containerd');
    expect([before.code, before.stdout]).toEqual([1, expect.stringMatching(NOT_SERVED)]);
    expect(await machine.run(env, 'containerd', '--write', '--yes', ...more)).toMatchObject({ code: 0 });
    const names = ['--registries', 'docker.io,ghcr.io,registry.nowhere.example'];
    const { code, stdout } = await machine.verify(env, 'containerd', ...names);
    expect([code, stdout]).toEqual([0, expect.stringMatching(SERVED)]);
    expect(stdout.match(/√/g)).toHaveLength(3);
    expect(await client.ctr('images', 'ls', '--quiet')).toBe('');
    await machine.run(env, 'containerd', '--undo', '--yes');
    expect((await machine.verify(env, 'containerd')).code).toBe(1);
  });

  it.each([[[]], [['--enforce']]])('proves that podman uses the cache: %j', async (more) => {
    await using machine = await scene();
    await using client = await containersSettings('http://127.0.0.1:1');
    await rm(client.at('registries.conf'));
    const file = machine.at('etc/containers/registries.conf.d/50-layover.conf');
    const env = { ...client.env, CONTAINERS_REGISTRIES_CONF: file };
    const names = ['--registries', 'docker.io,quay.io'];
    expect(await machine.run(env, 'podman', '--write', '--yes', ...names, ...more)).toMatchObject({ code: 0 });
    const { code, stdout } = await machine.verify(env, 'podman', ...names);
    expect([code, stdout]).toEqual([0, expect.stringMatching(SERVED)]);
    expect(stdout.match(/√/g)).toHaveLength(2);
    await machine.layover.kill('SIGTERM');
    expect((await machine.verify(env, 'podman')).stdout).toMatch(NOT_SERVED);
  });
});

/** A `ctr` that uses the directory instead of that of this machine. */
async function pathWithCtr(bin: string, certs: string): Promise<string> {
  const path = process.env['PATH'] ?? '';
  const script = `#!/bin/sh
for arg; do
  shift
  if [ "$arg" = /etc/containerd/certs.d ]; then arg='${certs}'; fi
  set -- "$@" "$arg"
done
PATH='${path}' exec ctr "$@"
`;
  await mkdir(bin);
  await writeFile(join(bin, 'ctr'), script, { mode: 0o755 });
  return `${bin}:${path}`;
}
