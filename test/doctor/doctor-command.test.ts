import { execFileSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';

import { runLayover } from '../support/run-layover.ts';
import { startServer } from '../support/start-server.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

async function machine(more: object = {}) {
  const directory = await temporaryDirectory();
  const file = join(directory.path, 'config.yml');
  const storage = { filesystem: { rootdirectory: directory.path }, quota: { size: '1MiB' } };
  await writeFile(file, stringify({ version: 0.1, storage, http: { addr: '127.0.0.1:0' }, ...more }));
  return {
    path: directory.path,
    doctor: (...args: readonly string[]) =>
      runLayover(['doctor', ...args, '--skip', 'storage,server,clients', file], { env: { PATH: '' } }),
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

describe('layover doctor', () => {
  it('prints a line for each check, and exits with 0', async () => {
    await using host = await machine();
    const { code, stdout } = await host.doctor();
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^config\n {2}√ valid: .*\n\nprocess\n {2}√ node: v/s)]);
    expect(stdout).toMatch(/\n0 failures, 0 warnings\n$/);
  });

  it('exits with 1 for a failure, with its reason, cure and section', async () => {
    await using host = await machine({ htpp: {} });
    const { code, stdout } = await host.doctor();
    expect(code).toBe(1);
    expect(stdout).toMatch(
      / {2}× valid: .*htpp.*\n {6}correct the file.*\n {6}docs\/troubleshooting\.md#the-configuration-/,
    );
  });

  it.each([[['--pre', '--only', 'network,upstreams']], [['--skip', 'config,process']]])(
    'reports a configuration that is not valid with any groups: %j',
    async (args) => {
      await using host = await machine({ htpp: {} });
      const file = join(host.path, 'config.yml');
      const { code, stdout } = await runLayover(['doctor', ...args, file], { env: { PATH: '' } });
      expect([code, stdout]).toEqual([
        1,
        expect.stringMatching(/^config\n {2}× valid: the configuration is not valid: /),
      ]);
      expect(stdout).toMatch(/\n1 failure, 0 warnings\n$/);
    },
  );

  it('exits with 2 for a warning with --strict alone', async () => {
    await using host = await machine({ health: { storagedriver: { interval: 48 } } });
    expect(await host.doctor()).toMatchObject({ code: 0, stdout: expect.stringContaining('‼ warnings: ') });
    expect(await host.doctor('--strict')).toMatchObject({ code: 2 });
  });

  it('runs the groups that are selected', async () => {
    await using host = await machine();
    expect((await host.doctor('--only', 'process,server')).stdout).toMatch(/^process\n/);
    expect(await host.doctor('--only', 'disk')).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/^disk: not a group of checks \(known: config, process, /),
    });
  });

  it.each(['127.0.0.1:15600', 'cache.example.com', 'https://cache.example.com/v2/'])(
    'refuses an address of the server that clients cannot use: %s',
    async (address) => {
      await using host = await machine();
      const { code, stdout } = await host.doctor('--server', address);
      expect([code, stdout]).toEqual([
        1,
        expect.stringMatching(/^--server: .* is not a URL such as |^--server: .* has more/),
      ]);
    },
  );

  it('prints JSON, and writes a bundle without secrets', async () => {
    await using host = await machine({ redis: { addr: '127.0.0.1:1', password: 'hunter2' } });
    const bundle = join(host.path, 'report.tgz');
    const { stdout } = await host.doctor('--json', '--bundle', bundle);
    expect(JSON.parse(stdout)).toMatchObject({
      failed: 1,
      groups: [{ group: 'config' }, { group: 'process' }, { group: 'index' }],
    });
    expect(execFileSync('tar', ['-tzf', bundle], { encoding: 'utf8' }).split('\n')).toEqual([
      'version.txt',
      'diagnosis.json',
      'config.json',
      '',
    ]);
    const content = execFileSync('tar', ['-xzOf', bundle], { encoding: 'utf8' });
    expect(content).toContain('"password": "***"');
    expect(content).not.toContain('hunter2');
  });
});

describe('text from others', () => {
  const ESCAPES = '\x1b]0;owned\x07\x9b31m\u202e';

  it('of an upstream or a client does not control the terminal, nor add lines', async () => {
    await using registry = await startServer((_, res) =>
      res.writeHead(429, { 'retry-after': '1\x9b31m', 'www-authenticate': 'Basic' }).end(),
    );
    await using host = await machine({ proxy: { upstreams: [{ name: 'a.example', remoteurl: registry.url }] } });
    const bin = join(host.path, 'bin');
    await mkdir(bin);
    const script = `#!/bin/sh\nprintf '%s' '${ESCAPES}cannot connect to the docker daemon https://me:hunter2@a.example/?key=hunter2' >&2\nexit 1\n`;
    await writeFile(join(bin, 'docker'), script, { mode: 0o755 });
    for (const more of [[], ['--json']]) {
      const args = ['doctor', '--only', 'upstreams,clients', ...more, join(host.path, 'config.yml')];
      const { stdout } = await runLayover(args, { env: { PATH: bin } });
      expect(stdout).toContain('?]0;owned??31m?cannot connect to the docker daemon https://***:***@a.example/?***');
      expect(stdout).toContain('429, retry after 1?31m s');
      expect(stdout.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    }
  });
});
