import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execPath } from 'node:process';

import { describe, expect, it } from 'vitest';

import { freePort, RunningProcess, runProgram } from '../support/processes.ts';
import { startServer } from '../support/start-server.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { CHART } from './helm.ts';

const SCRIPT = join(CHART, 'files/configure-node.mjs');
const OTHERS = 'server = "https://mirror.example.com"\n';

/** A node: its directory of hosts.toml, and the program that a DaemonSet runs on it. */
async function openNode() {
  const directory = await temporaryDirectory();
  const envFor = (address: string, more: Readonly<Record<string, string>> = {}) => ({
    ADDRESS: address,
    CERTS_DIRECTORY: directory.path,
    REGISTRIES: '_default docker.io',
    DIAL_TIMEOUT: '2s',
    RELEASE: 'team/rel',
    INTERVAL_MS: '20',
    ...more,
  });
  return {
    at: (name: string) => join(directory.path, name),
    read: (name: string) => readFile(join(directory.path, name), 'utf8'),
    list: async () => (await readdir(directory.path, { recursive: true })).toSorted(),
    write: async (registry: string, text: string) => {
      await mkdir(join(directory.path, registry), { recursive: true });
      await writeFile(join(directory.path, registry, 'hosts.toml'), text);
    },
    start: (address: string, more?: Readonly<Record<string, string>>) =>
      RunningProcess.start(execPath, [SCRIPT], { env: envFor(address, more) }),
    check: (address: string) => runProgram(execPath, [SCRIPT, '--check'], { env: envFor(address) }),
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

const startCache = () => startServer((_, response) => void response.writeHead(401).end());

describe('the program that configures a node', () => {
  it('writes hosts.toml for each registry, and removes it when it ends', async () => {
    await using node = await openNode();
    await using cache = await startCache();
    await using program = await node.start(cache.url);
    await expect.poll(() => node.check(cache.url)).toBeDefined();
    const host = [`[host."${cache.url}"]`, '  capabilities = ["pull", "resolve"]', '  dial_timeout = "2s"', ''];
    const mark = '# Written by Layover for the release team/rel; removed with it.';
    expect(await node.read('_default/hosts.toml')).toBe([mark, ...host].join('\n'));
    expect(await node.read('docker.io/hosts.toml')).toBe(
      [mark, 'server = "https://registry-1.docker.io"', ...host].join('\n'),
    );
    expect(await program.stop()).toEqual({ code: 0, signal: null });
    expect(await node.list()).toEqual([]);
  });

  it('writes nothing until the cache responds', async () => {
    await using node = await openNode();
    const port = await freePort();
    await using program = await node.start(`http://127.0.0.1:${port}`);
    await program.waitForOutput(/does not respond; nothing is written/);
    expect(await node.list()).toEqual([]);
  });

  it('restores the file of another program', async () => {
    await using node = await openNode();
    await using cache = await startCache();
    await node.write('docker.io', OTHERS);
    await using program = await node.start(cache.url);
    await expect.poll(() => node.check(cache.url)).toBeDefined();
    expect(await node.read('docker.io/hosts.toml.before-layover')).toBe(OTHERS);
    await program.stop();
    expect(await node.read('docker.io/hosts.toml')).toBe(OTHERS);
    expect(await node.list()).toEqual(['docker.io', 'docker.io/hosts.toml']);
  });

  it('writes again what another program replaced, and restores the newest of its files', async () => {
    await using node = await openNode();
    await using cache = await startCache();
    await using program = await node.start(cache.url);
    await expect.poll(() => node.check(cache.url)).toBeDefined();
    await node.write('docker.io', OTHERS);
    await expect.poll(() => node.check(cache.url)).toBeDefined();
    await program.stop();
    expect(await node.read('docker.io/hosts.toml')).toBe(OTHERS);
  });

  it('takes over from a pod that was killed, also for another address and other registries', async () => {
    await using node = await openNode();
    await using cache = await startCache();
    await node.write('docker.io', OTHERS);
    await using killed = await node.start(cache.url, { REGISTRIES: '_default docker.io ghcr.io' });
    await expect.poll(() => node.list()).toContain('ghcr.io/hosts.toml');
    killed.kill('SIGKILL');
    await killed.exited;
    await using moved = await startCache();
    await using program = await node.start(moved.url);
    await expect.poll(() => node.check(moved.url)).toBeDefined();
    expect(await node.list()).not.toContain('ghcr.io/hosts.toml');
    await program.stop();
    expect(await node.list()).toEqual(['docker.io', 'docker.io/hosts.toml']);
    expect(await node.read('docker.io/hosts.toml')).toBe(OTHERS);
  });

  it('leaves the files of another release', async () => {
    await using node = await openNode();
    await using cache = await startCache();
    await using first = await node.start(cache.url, { RELEASE: 'team/first' });
    await first.waitForOutput(/docker\.io\/hosts\.toml: written/);
    const before = await node.read('_default/hosts.toml');
    await using second = await node.start(cache.url);
    await second.waitForOutput(/belongs to another release of Layover/);
    await second.stop();
    expect(await node.read('_default/hosts.toml')).toBe(before);
  });
});
