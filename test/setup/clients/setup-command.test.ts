import { spawnSync } from 'node:child_process';
import { chmod, mkdir, readFile, readlink, stat, symlink, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

import { runLayover } from '../../support/run-layover.ts';
import { ADDRESS, machine } from './machine.ts';

describe.each(['docker', 'containerd', 'podman', 'cri-o', 'k3s', 'rke2', 'buildkit'])('layover setup %s', (client) => {
  it('writes once, and undoes that completely', async () => {
    await using host = await machine({ 'etc/hostname': 'node\n' });
    const before = await host.contents();
    const printed = await host.setup(client);
    expect([printed.code, await host.contents()]).toEqual([0, before]);

    expect(await host.setup(client, '--write', '--yes')).toMatchObject({ code: 0 });
    const written = await host.contents();
    expect(written).not.toEqual(before);
    const again = await host.setup(client, '--write', '--yes');
    expect([again.code, again.stdout]).toEqual([
      0,
      expect.stringContaining('are set up for https://cache.example.com already'),
    ]);
    expect(await host.contents()).toEqual(written);

    expect(await host.setup(client, '--undo', '--yes')).toMatchObject({ code: 0 });
    expect(await host.contents()).toEqual(before);
    await expect(stat(host.at('var'))).rejects.toThrow(/ENOENT/);
    expect((await host.setup(client, '--undo', '--yes')).stdout).toContain('There is nothing to undo');
  });
});

const DAEMON = 'etc/docker/daemon.json';

const REGISTRIES = 'etc/rancher/k3s/registries.yaml';

describe('layover setup k3s --write', () => {
  it.each([
    'mirrors:\n',
    'mirrors: ~ # Hub\n',
    '# mine\n',
    'mirrors:\n  "*": # any\n',
    'mirrors:\n  "*":\n    endpoint:\n',
  ])('takes a key without a value as none: %j', async (text) => {
    await using host = await machine({ [REGISTRIES]: text });
    expect(await host.setup('k3s', '--write', '--yes')).toMatchObject({ code: 0 });
    const written = (await host.contents())[REGISTRIES] ?? '';
    expect(parse(written)).toEqual({ mirrors: { '*': { endpoint: ['https://cache.example.com'] } } });
    for (const [comment] of text.matchAll(/#.*/g)) expect(written).toContain(comment);
  });

  it.each([
    ['mirrors: text\n', /: mirrors is not a mapping \(repair/],
    ['mirrors: []\n', /: mirrors is not a mapping \(repair/],
    ['a: &a {}\nmirrors:\n  "*": *a\n', /: mirrors\.\* is an alias \(write its entries/],
    ['mirrors:\n  "*": *a\n', /: Unresolved alias .*\(repair/],
    ['mirrors:\n  "*":\n    endpoint: https://old\n', /: mirrors\.\*\.endpoint is not a list \(repair/],
    ['mirrors:\n  "*":\n    endpoint: &e [x]\n  q: {endpoint: *e}\n', /: set mirrors\.\*\.endpoint by hand/],
    ['mirrors:\n  "*": &a {endpoint: [x]}\n  q: *a\n', /: set mirrors\.\*\.endpoint by hand/],
    ['a: 1\n---\nb: 2\n', /multiple documents.*\(repair/],
  ])('reports in one line what it cannot change: %j', async (text, message) => {
    await using host = await machine({ [REGISTRIES]: text });
    const { code, stdout, stderr } = await host.setup('k3s', '--write', '--yes');
    expect([code, stdout, stderr]).toEqual([1, expect.stringMatching(message), '']);
    expect(stdout).toMatch(/^\/\S+\/etc\/rancher\/.*\n$/);
    expect(await host.contents()).toEqual({ [REGISTRIES]: text });
  });
});

describe('layover setup --write', () => {
  it('shows the difference, and restores bytes, permissions and absence', async () => {
    const existing = '{"debug":true,\r\n  "data-root" : "/srv"}';
    await using host = await machine({ [DAEMON]: existing });
    await chmod(host.at(DAEMON), 0o600);
    const { stdout } = await host.setup('docker', '--write', '--yes');
    expect(stdout).toMatch(/daemon\.json\n.*\n\+ +"registry-mirrors": \[\n/s);
    expect(stdout).toContain('certs.d/ghcr.io/hosts.toml (new)');
    expect(stdout).toContain('Takes effect after `systemctl reload docker`');
    expect(JSON.parse((await host.contents())[DAEMON] ?? '')).toMatchObject({ debug: true, 'data-root': '/srv' });
    expect((await stat(host.at(DAEMON))).mode & 0o777).toBe(0o600);
    await host.setup('docker', '--undo', '--yes');
    expect(await host.contents()).toEqual({ [DAEMON]: existing });
    expect((await stat(host.at(DAEMON))).mode & 0o777).toBe(0o600);
  });

  it('needs a confirmation', async () => {
    await using host = await machine();
    const { code, stdout } = await host.setup('docker', '--write');
    expect([code, stdout]).toEqual([1, expect.stringContaining('no terminal for a confirmation (use --yes)')]);
    expect(await host.contents()).toEqual({});
  });

  it('changes nothing when one of the files is damaged', async () => {
    await using host = await machine({ [DAEMON]: '{ "debug": ' });
    const { code, stdout } = await host.setup('docker', '--write', '--yes');
    expect([code, stdout]).toEqual([
      1,
      expect.stringMatching(/^\/\S+\/etc\/docker\/daemon\.json: .*repair the file first/),
    ]);
    expect(await host.contents()).toEqual({ [DAEMON]: '{ "debug": ' });
  });

  it('with other registries or another address leaves nothing of the first', async () => {
    await using host = await machine({ [DAEMON]: '{ "debug": true }\n' });
    await host.setup('docker', '--write', '--yes', '--registries', 'docker.io,ghcr.io');
    const other = ['--registries', 'docker.io,quay.io', '--address', 'http://localhost:5000'];
    expect((await host.setup('docker', '--write', '--yes', ...ADDRESS, ...other)).code).toBe(0);
    await host.setup('docker', '--undo', '--yes');
    expect(await host.contents()).toEqual({ [DAEMON]: '{ "debug": true }\n' });
  });

  it('does not undo what was changed by hand since', async () => {
    await using host = await machine();
    await host.setup('podman', '--write', '--yes');
    const path = 'etc/containers/registries.conf.d/50-layover.conf';
    await writeFile(host.at(path), '# mine\n');
    const { code, stdout } = await host.setup('podman', '--undo', '--yes');
    expect([code, stdout]).toEqual([1, expect.stringMatching(/50-layover\.conf: was changed after setup \(restore/)]);
    expect((await host.contents())[path]).toBe('# mine\n');
  });

  it('says what a change by hand between two writes means for --undo', async () => {
    await using host = await machine({ [DAEMON]: '{}\n' });
    const write = (address: string) =>
      host.setup('docker', '--write', '--yes', '--store', 'classic', '--address', address);
    await write('https://one.example');
    const edited = '{ "registry-mirrors": ["https://one.example"], "debug": true }\n';
    await writeFile(host.at(DAEMON), edited);
    const second = await write('https://two.example');
    expect(second.stdout).toMatch(
      /daemon\.json: was changed by hand after an earlier --write, so settings of that stay, /,
    );
    expect(JSON.parse((await host.contents())[DAEMON] ?? '')).toEqual({
      'registry-mirrors': ['https://two.example', 'https://one.example'],
      debug: true,
    });
    expect((await write('https://three.example')).stdout).toContain('was changed by hand after');
    const { code, stdout } = await host.setup('docker', '--undo', '--yes');
    expect([code, await host.contents()]).toEqual([0, { [DAEMON]: edited }]);
    expect(stdout).toMatch(
      /daemon\.json: is as it was before the last --write; it was changed by hand after an earlier one/,
    );
  });

  it('reports a changed file of a registry that is not set up any more', async () => {
    await using host = await machine();
    const write = (names: string) => host.setup('containerd', '--write', '--yes', '--registries', names);
    const path = (name: string) => `etc/containerd/certs.d/${name}/hosts.toml`;
    await write('docker.io,ghcr.io,quay.io');
    await writeFile(host.at(path('ghcr.io')), '# mine\n');
    const { code, stdout } = await write('docker.io');
    expect([code, stdout]).toEqual([
      0,
      expect.stringMatching(/ghcr\.io\/hosts\.toml: was changed .* stays as it is: remove /),
    ]);
    expect(await host.contents()).toMatchObject({ [path('ghcr.io')]: '# mine\n' });
    expect(await host.contents()).not.toHaveProperty([path('quay.io')]);
  });

  it('follows a link to the file', async () => {
    await using host = await machine({ 'srv/daemon.json': '{}' });
    await mkdir(host.at('etc/docker'), { recursive: true });
    await symlink('/srv/daemon.json', host.at(DAEMON));
    await host.setup('docker', '--write', '--yes');
    expect(JSON.parse(await readFile(host.at('srv/daemon.json'), 'utf8'))).toHaveProperty('registry-mirrors');
    await host.setup('docker', '--undo', '--yes');
    expect(await readFile(host.at('srv/daemon.json'), 'utf8')).toBe('{}');
    expect(await readlink(host.at(DAEMON))).toBe('/srv/daemon.json');
  });

  it('writes no private key as a certificate', async () => {
    await using host = await machine({
      'key.pem': '-----BEGIN PRIVATE KEY-----\n',
      'ca.pem': '-----BEGIN CERTIFICATE-----\n',
    });
    expect((await host.setup('docker', '--ca', host.at('key.pem'))).stdout).toContain('has a private key');
    expect((await host.setup('docker', '--ca', host.at('none.pem'))).stdout).toContain('ENOENT');
    await host.setup('docker', '--ca', host.at('ca.pem'), '--write', '--yes');
    expect((await host.contents())['etc/docker/certs.d/cache.example.com/ca.crt']).toContain('BEGIN CERTIFICATE');
  });

  it('prints no control characters of a file or of a client', async () => {
    await using host = await machine({ [DAEMON]: '{"a":"\x9b2K\u202e",\n\t"b": 1}\n' });
    const { stdout } = await host.setup('docker', '--write', '--yes');
    expect(stdout).toContain('"a": "?2K?"');
    await writeFile(host.at('docker'), '#!/bin/sh\nprintf "denied\\033[2K\\302\\2332K\\r√ all is well" >&2\nexit 1\n', {
      mode: 0o755,
    });
    const env = { PATH: host.at('.') };
    const verified = await runLayover(['setup', 'docker', '--verify'], { env });
    expect([verified.code, verified.stdout]).toEqual([1, expect.stringContaining('denied?[2K?2K?√ all is well\n')]);
    expect(`${stdout}${verified.stdout}`).not.toMatch(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/);
  });

  it('says what it cannot set up', async () => {
    await using host = await machine();
    expect((await host.setup('nerdctl')).stdout).toMatch(/^nerdctl: not a client that can be set up \(known: docker, /);
    expect(await host.setup('talos', '--write', '--yes')).toMatchObject({ code: 1 });
    expect((await runLayover(['setup', 'buildkit', '--verify'])).stdout).toContain('cannot be verified here');
  });

  it('prints commands that can be pasted', async () => {
    await using host = await machine();
    const { stdout } = await host.setup('kind', '--registries', 'docker.io,ghcr.io');
    const script = /^then, for its nodes:\n\n(.*?\ndone\n)/ms.exec(stdout)?.[1] ?? '';
    expect(script.match(/^EOF$/gm)).toHaveLength(2);
    expect(spawnSync('bash', ['-n'], { input: script, encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' });
  });

  it.each(['buildkit', 'gitlab', 'github', 'minikube'])(
    'fails to enforce what nothing enforces: %s',
    async (client) => {
      await using host = await machine();
      const { code, stdout } = await host.setup(client, '--enforce');
      expect([code, stdout]).toEqual([1, expect.stringMatching(/^Not enforced: .*no setting/m)]);
      expect(await host.setup(client)).toMatchObject({ code: 0, stdout: expect.not.stringContaining('nforced') });
    },
  );

  it.each(['containerd', 'podman', 'k3s', 'talos', 'kind', 'testcontainers'])('enforces for %s', async (client) => {
    await using host = await machine();
    const { code, stdout } = await host.setup(client, '--enforce');
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^Enforced: /m)]);
    expect(stdout).not.toContain('Not enforced');
  });

  it('writes what it can, and reports what it cannot enforce', async () => {
    await using host = await machine();
    for (const state of ['Written.', 'are set up for https://cache.example.com already']) {
      const { code, stdout } = await host.setup('buildkit', '--enforce', '--write', '--yes');
      expect([code, stdout]).toEqual([1, expect.stringContaining(state)]);
      expect(stdout).toMatch(/^Not enforced: BuildKit pulls/m);
    }
    expect(Object.keys(await host.contents())).toContain('etc/buildkit/buildkitd.toml');
  });

  it('has the registries of minikube that are named', async () => {
    await using host = await machine();
    const { stdout } = await host.setup('minikube', '--registries', 'docker.io,ghcr.io');
    expect(stdout).toMatch(/certs\.d\/docker\.io\/hosts\.toml.*certs\.d\/ghcr\.io\/hosts\.toml.*--registry-mirror/s);
    expect((await host.setup('minikube', '--registries', 'ghcr.io')).stdout).not.toContain('--registry-mirror');
  });

  it.each(['talos', 'minikube', 'gitlab', 'github', 'kind'])('needs an address that %s reaches', async (client) => {
    const { code, stdout } = await runLayover(['setup', client]);
    expect([code, stdout]).toEqual([1, expect.stringMatching(/^--address: missing, because localhost is not this/)]);
  });

  it('does not verify the files of an image with the client of this machine', async () => {
    await using host = await machine();
    const { code, stdout } = await host.setup('podman', '--write', '--yes', '--verify');
    expect([code, stdout]).toEqual([1, expect.stringMatching(/^--root and --verify exclude each other: /)]);
    expect(await host.contents()).toEqual({});
  });

  it('does not create a root', async () => {
    await using host = await machine({ file: '' });
    for (const root of ['none', 'file']) {
      const args = ['docker', '--write', '--yes', '--root', host.at(root)];
      const { code, stdout } = await runLayover(['setup', ...args]);
      expect([code, stdout]).toEqual([1, expect.stringMatching(/^--root: \S+ is not a directory \(correct the path/)]);
    }
    expect(await host.contents()).toEqual({ file: '' });
  });
});
