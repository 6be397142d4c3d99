import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';

import { loadConfig } from '../../src/config/load.ts';
import { diagnose } from '../../src/doctor/doctor.ts';
import { readMachine } from '../../src/doctor/machine.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { clientMachine } from './client-machine.ts';

async function checkClient(client: string, message: string, files: Readonly<Record<string, string>>) {
  await using host = await clientMachine(client, message, files);
  const machine = { ...(await readMachine()), ...host.machine };
  const server = 'http://cache.example.com:5000';
  const context = { env: host.env, loaded: undefined, problems: [], isBefore: false, server, machine };
  const { groups } = await diagnose(context, ['clients']);
  const checks = groups.find(({ group }) => group === 'clients')?.checks ?? [];
  return checks.find(({ name }) => name === client);
}

describe('layover doctor notes, without a failure, a client', () => {
  it.each([
    [
      'that is not set up for a cache',
      'Error: pull access denied',
      /^it is not set up for a cache, which `layover setup/,
    ],
    [
      'whose daemon does not run',
      'Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?',
      /^its daemon cannot be reached: Cannot connect/,
    ],
    [
      'whose daemon the user must not use',
      'permission denied while trying to connect to the docker API at unix:///var/run/docker.sock',
      /^its daemon cannot be reached: permission denied/,
    ],
  ])('%s', async (_, message, note) => {
    const check = await checkClient('docker', message, {});
    expect(check).toEqual({ name: 'docker', verdict: 'skipped', text: expect.stringMatching(note) });
  });
});

describe('layover doctor fails for a client that pulls past the cache in spite of', () => {
  it.each([
    ['docker', '/home/alice/.config/docker/daemon.json', '{ "registry-mirrors": ["http://cache.example.com"] }'],
    ['docker', '/etc/docker/certs.d/docker.io/hosts.toml', '[host."http://cache.example.com"]\n'],
    [
      'podman',
      '/etc/containers/registries.conf.d/50-layover.conf',
      '[[registry]]\nprefix = "docker.io"\nlocation = "cache.example.com/docker.io"\n',
    ],
    [
      'podman',
      '/home/alice/.config/containers/registries.conf',
      '[[registry]]\nlocation = "docker.io"\n[[registry.mirror]]\nlocation = "cache.example.com/docker.io"\n',
    ],
  ])('the mirror of %s in %s', async (client, path, text) => {
    expect(await checkClient(client, 'Error: pull access denied', { [path]: text })).toMatchObject({
      verdict: 'failed',
      remedy: `layover setup ${client} --address http://cache.example.com:5000 --write`,
    });
  });
});

it('layover doctor prints neither an address twice, nor GiB as MiB, nor owners of no files', async () => {
  await using directory = await temporaryDirectory();
  const file = join(directory.path, 'config.yml');
  const proxy = { upstreams: [{ name: 'one.example', remoteurl: 'http://127.0.0.1:1' }] };
  await writeFile(file, stringify({ version: 0.1, storage: { inmemory: {} }, http: { addr: '127.0.0.1:0' }, proxy }));
  const loaded = await loadConfig({ file, env: {}, areFilesChecked: true });
  const machine = { ...(await readMachine()), memoryBytes: 15.5 * 1024 ** 3 };
  const context = { env: {}, loaded, problems: [], isBefore: true, server: undefined, machine };
  const { groups } = await diagnose(context, ['config', 'process', 'network']);
  const texts = groups.flatMap(({ checks }) => checks.map(({ name, text }) => `${name}: ${text}`));
  expect(texts).toEqual(
    expect.arrayContaining([
      'secret files: none',
      'memory: 15.5 GiB',
      'one.example address: 127.0.0.1, without a name',
    ]),
  );
});
