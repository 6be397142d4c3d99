import { execFileSync } from 'node:child_process';
import { mkdir, readdir, readFile, readlink, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { machine } from './machine.ts';

const DAEMON = 'etc/docker/daemon.json';
const RECORD = 'var/lib/layover-setup/docker.json';
const WRITE = ['docker', '--write', '--yes', '--registries', 'docker.io'];
const UNDO = ['docker', '--undo', '--yes'];
const base64 = (text: string) => Buffer.from(text).toString('base64');

describe('layover setup --root', () => {
  it('stays in the root, with links to directories outside', async () => {
    await using outside = await temporaryDirectory();
    await using host = await machine({ 'etc/hostname': 'node\n' });
    for (const path of ['etc/docker', 'var']) await symlink(outside.path, host.at(path));
    await symlink('../'.repeat(20), host.at('up'));
    expect(await host.setup(...WRITE)).toMatchObject({ code: 0 });
    expect(await readdir(outside.path)).toEqual([]);
    const inside = join(host.at(outside.path), 'daemon.json');
    expect(await readFile(inside, 'utf8')).toContain('cache.example.com');
    expect(await host.setup(...UNDO)).toMatchObject({ code: 0 });
    expect((await readdir(host.at('.'))).toSorted()).toEqual(['etc', 'up', 'var']);
    expect(await readlink(host.at('etc/docker'))).toBe(outside.path);
  });

  it('reads no file outside for a plan', async () => {
    await using outside = await machine({ 'config.toml': 'version = 2\nsecret = [\n' });
    await using host = await machine({ 'etc/containerd/none': '' });
    await symlink(outside.at('config.toml'), host.at('etc/containerd/config.toml'));
    expect(await host.setup('containerd', '--write', '--yes')).toMatchObject({ code: 0 });
    expect(await outside.contents()).toEqual({ 'config.toml': 'version = 2\nsecret = [\n' });
  });

  it('writes no certificate outside of the directory for them', async () => {
    await using host = await machine({ 'ca.pem': '-----BEGIN CERTIFICATE-----\n' });
    const before = await host.contents();
    const { code, stdout } = await host.setup(...WRITE, '--ca', host.at('ca.pem'), '--address', 'http://..');
    expect([code, stdout]).toEqual([1, expect.stringMatching(/^--address: /)]);
    expect(await host.contents()).toEqual(before);
  });

  it('refuses a certificate whose path could end a line', async () => {
    await using host = await machine({ 'ca.pem\nEOF\nid': '-----BEGIN CERTIFICATE-----\n' });
    const { code, stdout } = await host.setup('kind', '--ca', host.at('ca.pem\nEOF\nid'));
    expect([code, stdout]).toEqual([1, '--ca: the path has control characters (rename the file)\n']);
  });

  it('keeps a link to a file that does not exist, and writes that file', async () => {
    await using host = await machine({ 'etc/docker/none': '' });
    await symlink('nowhere.json', host.at(DAEMON));
    await host.setup(...WRITE);
    expect(await readlink(host.at(DAEMON))).toBe('nowhere.json');
    expect(await readFile(host.at('etc/docker/nowhere.json'), 'utf8')).toContain('cache.example.com');
    await host.setup(...UNDO);
    expect(await readdir(host.at('etc/docker'))).toEqual(['daemon.json', 'none']);
  });

  it('refuses two names of one file, and a path with NUL', async () => {
    await using host = await machine({
      'etc/containerd/certs.d/docker.io/hosts.toml': '',
      'etc/containerd/config.toml': 'version = 2\n',
    });
    await symlink('docker.io', host.at('etc/containerd/certs.d/ghcr.io'));
    const write = ['containerd', '--write', '--yes', '--registries', 'docker.io,ghcr.io'];
    expect(await host.setup(...write)).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/ghcr\.io\/hosts\.toml: is the same file as .*docker\.io\/hosts\.toml \(remove/),
    });
    const path = 'config_path = "/srv/\\u0000"';
    const config = `version = 2\n[plugins."io.containerd.grpc.v1.cri".registry]\n${path}\n`;
    await writeFile(host.at('etc/containerd/config.toml'), config);
    expect(await host.setup(...write)).toMatchObject({ code: 1, stdout: expect.stringMatching(/^\/srv\/\?.*NUL/) });
  });

  it('refuses links in a circle, and a pipe', async () => {
    await using host = await machine({ 'etc/docker/none': '' });
    await symlink('daemon.json', host.at(DAEMON));
    const circle = await host.setup(...WRITE);
    expect([circle.code, circle.stdout]).toEqual([1, expect.stringMatching(/daemon\.json: too many links/)]);
    await using other = await machine({ 'etc/docker/none': '' });
    execFileSync('sh', ['-c', 'mkfifo "$0"', other.at(DAEMON)]);
    const pipe = await other.setup(...WRITE);
    expect([pipe.code, pipe.stdout]).toEqual([1, expect.stringMatching(/daemon\.json: not a regular file/)]);
  });
});

describe('layover setup --undo with a record from others', () => {
  const record = (path: string, before?: string) =>
    JSON.stringify({ version: 1, files: [{ path, before, after: base64('old\n') }], directories: ['/srv/empty'] });

  it.each(['/etc/passwd', '/etc/docker/certs.d/../../passwd', '/etc/docker/certs.d/a/b/hosts.toml', 'etc/passwd'])(
    'changes no file that setup does not write: %s',
    async (path) => {
      await using host = await machine({ 'etc/passwd': 'old\n', [RECORD]: record(path, base64('new\n')) });
      await mkdir(host.at('srv/empty'), { recursive: true });
      const before = await host.contents();
      const { code, stdout } = await host.setup(...UNDO);
      expect([code, stdout]).toEqual([1, expect.stringContaining(`${path}, which \`layover setup docker\` does not`)]);
      expect(await host.contents()).toEqual(before);
      expect(await readdir(host.at('srv'))).toEqual(['empty']);
    },
  );

  it('changes no file outside, and removes no directory of others', async () => {
    await using outside = await temporaryDirectory();
    await writeFile(join(outside.path, 'daemon.json'), 'old\n');
    await using host = await machine({ [RECORD]: record('/etc/docker/daemon.json', base64('new\n')) });
    await mkdir(host.at('etc'));
    await mkdir(host.at('srv/empty'), { recursive: true });
    await symlink(outside.path, host.at('etc/docker'));
    expect(await host.setup(...UNDO)).toMatchObject({ code: 1 });
    expect(await readFile(join(outside.path, 'daemon.json'), 'utf8')).toBe('old\n');
    await mkdir(host.at(outside.path), { recursive: true });
    await writeFile(join(host.at(outside.path), 'daemon.json'), 'old\n');
    expect(await host.setup(...UNDO)).toMatchObject({ code: 0 });
    expect(await readFile(join(host.at(outside.path), 'daemon.json'), 'utf8')).toBe('new\n');
    expect(await readdir(host.at('srv'))).toEqual(['empty']);
  });

  it.each(['null', '{"version":1,"files":[{}],"directories":[]}', '{"version":1,"files":[null],"directories":[]}'])(
    'refuses a damaged one: %s',
    async (text) => {
      await using host = await machine({ [RECORD]: text });
      const { code, stdout } = await host.setup(...UNDO);
      expect([code, stdout]).toEqual([1, expect.stringMatching(/docker\.json: not a record of /)]);
    },
  );
});
