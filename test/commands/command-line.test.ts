import { createServer } from 'node:net';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execPath } from 'node:process';
import { describe, expect, it } from 'vitest';

import { Layover } from '../support/layover.ts';
import { LAYOVER_MAIN, programEnvironment } from '../support/programs.ts';
import { RunningProcess } from '../support/processes.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

async function run(args: readonly string[], env: Readonly<Record<string, string>> = {}, cwd?: string) {
  const options = { env: { ...programEnvironment(), ...env }, ...(cwd !== undefined && { cwd }) };
  await using program = await RunningProcess.start(execPath, [LAYOVER_MAIN, ...args], options);
  const { code } = await program.exited;
  return { code, stdout: program.stdout, stderr: program.stderr };
}

async function withConfig(text: string) {
  const directory = await temporaryDirectory();
  const file = join(directory.path, 'config.yml');
  await writeFile(file, text);
  return { file, path: directory.path, [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose]() };
}

describe('layover on the command line', () => {
  it('prints its version', async () => {
    const { code, stdout } = await run(['--version']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^layover \d+\.\d+\.\d+\n$/);
  });

  it('has --help for itself and for serve', async () => {
    const { code, stdout } = await run(['--help']);
    expect(code).toBe(0);
    expect(stdout).toContain('layover serve');
    expect((await run(['serve', '--help'])).stdout).toContain('REGISTRY_CONFIGURATION_PATH');
  });

  it('rejects an unknown command and mentions --help', async () => {
    const { code, stderr } = await run(['serv']);
    expect(code).toBe(1);
    expect(stderr).toContain('--help');
  });
});

describe('layover config', () => {
  it('check reports every problem with its place and the nearest known key', async () => {
    await using config = await withConfig(
      'version: 0.1\nstorage: { filesystem: {} }\nhttp:\n  adr: ":5000"\nproxy: { ttl: soon }\n',
    );
    const { code, stdout } = await run(['config', 'check', config.file]);
    expect(code).toBe(1);
    expect(stdout).toMatch(/config\.yml:4:3.*http.*adr.*addr/);
    expect(stdout).toMatch(/config\.yml:5:15.*proxy\.ttl/);
  });

  it('check accepts the built-in default', async () => {
    const { code, stdout } = await run(['config', 'check']);
    expect(code).toBe(0);
    expect(stdout).toContain('docker.io');
  });

  it('schema prints a JSON schema', async () => {
    const { code, stdout } = await run(['config', 'schema']);
    expect(code).toBe(0);
    expect(Object.keys((JSON.parse(stdout) as { properties: object }).properties)).toContain('proxy');
  });
});

describe('layover serve', () => {
  it('prints where it listens, its upstreams, its storage, pushes, authentication and the next step', async () => {
    await using layover = await Layover.startProcess({
      config: { proxy: { upstreams: [{ name: 'quay.io', remoteurl: 'http://127.0.0.1:9', default: true }] } },
    });
    expect(layover.output).toContain(`listening on ${layover.url}`);
    expect(layover.output).toContain('upstreams: quay.io (default)');
    expect(layover.output).toContain(`storing in ${layover.dataDirectory}`);
    expect(layover.output).toContain('pushes: off (list repositories in proxy.hosted to accept them)');
    expect(layover.output).toContain('authentication: off (anyone who can connect has access)');
    expect(layover.output).toContain(`"registry-mirrors": ["${layover.url}"]`);
  });

  it('with an invalid configuration exits with 1, reports every problem, and leaves no files', async () => {
    await using config = await withConfig(
      'version: 0.1\nstorage: { filesystem: { rootdirectory: ./made } }\nhttp: { tsl: 1 }\nauth: { htpaswd: {} }\n',
    );
    const { code, stderr, stdout } = await run(['serve', config.file], {}, config.path);
    expect(code).toBe(1);
    expect(stderr).toContain('tls');
    expect(stderr).toContain('auth');
    expect(stdout).not.toContain('listening');
    expect(await readdir(config.path)).toEqual(['config.yml']);
  });

  it('finds its configuration by REGISTRY_CONFIGURATION_PATH, and REGISTRY_* overrides it', async () => {
    await using config = await withConfig('version: 0.1\nstorage: { inmemory: {} }\nhttp: { addr: "127.0.0.1:1" }\n');
    const env = {
      ...programEnvironment(),
      REGISTRY_CONFIGURATION_PATH: config.file,
      REGISTRY_HTTP_ADDR: '127.0.0.1:0',
    };
    await using program = await RunningProcess.start(execPath, [LAYOVER_MAIN, 'serve'], { env });
    const [, url = ''] = await program.waitForOutput(/listening on (http:\S+)/);
    expect((await fetch(`${url}/v2/`)).status).toBe(200);
    expect(program.output).toContain('storing in memory');
  });

  it.each([
    ['a configuration alone', (file: string) => [file]],
    ['the name of the program', (file: string) => ['registry', 'serve', file]],
    ['the path of the program', (file: string) => ['/bin/registry', 'serve', file]],
  ])("takes %s, as the entry point of distribution's image does", async (_, argsOf) => {
    await using config = await withConfig('version: 0.1\nstorage: { inmemory: {} }\nhttp: { addr: "127.0.0.1:0" }\n');
    const args = [LAYOVER_MAIN, ...argsOf(config.file)];
    await using program = await RunningProcess.start(execPath, args, { env: programEnvironment() });
    const [, url = ''] = await program.waitForOutput(/listening on (http:\S+)/);
    expect((await fetch(`${url}/v2/`)).status).toBe(200);
  });

  it('reports in one line that its address is in use', async () => {
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const { port } = holder.address() as AddressInfo;
    await using config = await withConfig(
      `version: 0.1\nstorage: { inmemory: {} }\nhttp: { addr: "127.0.0.1:${port}" }\n`,
    );
    const { code, stderr } = await run(['serve', config.file]);
    holder.close();
    expect(code).toBe(1);
    expect(stderr).toBe(
      `layover: http.addr: port ${port} is already in use (set http.addr or stop the other process)\n`,
    );
  });

  it('reports in one line that it cannot use its storage directory', async () => {
    await using config = await withConfig(
      'version: 0.1\nstorage: { filesystem: { rootdirectory: ./file/below } }\nhttp: { addr: "127.0.0.1:0" }\n',
    );
    await mkdir(config.path, { recursive: true });
    await writeFile(join(config.path, 'file'), '');
    const { code, stderr } = await run(['serve', config.file], {}, config.path);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^layover: storage\.filesystem\.rootdirectory: cannot use \/.*\/file\/below: a part of the path is a file.*\n$/,
    );
  });

  it('exits with 0 on SIGTERM and on SIGINT', async () => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      await using layover = await Layover.startProcess();
      expect(await layover.kill(signal)).toEqual({ code: 0, signal: null });
      expect(layover.output).toContain('draining');
    }
  });

  it('shows health and metrics on the debug address', async () => {
    await using layover = await Layover.startProcess({
      config: { http: { debug: { addr: '127.0.0.1:0', prometheus: { enabled: true } } } },
    });
    await fetch(`${layover.url}/v2/`);
    expect(await (await fetch(`${layover.debugUrl}/debug/health`)).json()).toEqual({});
    const metrics = await (await fetch(`${layover.debugUrl}/metrics`)).text();
    expect(metrics).toMatch(/registry_http_requests_total\{[^}]*handler="base"[^}]*\} 1/);
    expect(metrics).toContain('registry_proxy_hits_total');
  });
});
