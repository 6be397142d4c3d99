import { readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { makeDeb } from '../../scripts/packaging/make-deb.ts';
import { smallImage } from '../package/small-image.ts';
import { freePort, runProgram } from '../support/processes.ts';
import { Pusher } from '../support/push.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { facts, isSkipped, OUT, ownArchitecture, ROOT } from './built-packages.ts';
import { startChroot } from './chroot.ts';

const programs = ['dpkg-deb', 'dpkg', 'unshare', 'nsenter', 'systemd-analyze'];
const skipped = await isSkipped('the Debian package', { programs, root: true });
const HOSTED = '\n  hosted: ["team/*"]\n';
const LATER = '99.0.0';

describe.skipIf(skipped)('the Debian package', () => {
  const image = smallImage();
  let deb: string;
  let chroot: Awaited<ReturnType<typeof startChroot>>;
  beforeAll(async () => {
    if (ownArchitecture === undefined) return;
    deb = await makeDeb({ root: ROOT, architecture: ownArchitecture, out: join(OUT, 'deb'), ...facts });
    chroot = await startChroot();
  });
  afterAll(() => chroot[Symbol.asyncDispose]());

  const read = (path: string) => chroot.run('cat', path);
  const install = async (file: string) => chroot.run('dpkg', '--install', await chroot.add(file, 'layover.deb'));

  /** Starts what the unit starts, as its user; there is no systemd in a chroot. */
  async function startService() {
    const unit = await read('/usr/lib/systemd/system/layover.service');
    const valueOf = (key: string) => new RegExp(`^${key}=(.*)$`, 'm').exec(unit)?.[1] ?? '';
    const port = await freePort();
    const env = { REGISTRY_HTTP_ADDR: `127.0.0.1:${port}`, REGISTRY_HTTP_DEBUG_ADDR: `127.0.0.1:${await freePort()}` };
    const service = await chroot.start(`${valueOf('User')}:${valueOf('Group')}`, valueOf('ExecStart').split(' '), env);
    await service.waitForOutput(/(?<!debug server )listening on/);
    return { service, url: `http://127.0.0.1:${port}`, [Symbol.asyncDispose]: () => service[Symbol.asyncDispose]() };
  }

  it('installs a user, units that are enabled, and files that are as in the package', async () => {
    await install(deb);
    expect(await chroot.run('stat', '-c', '%U:%G %a', '/var/lib/layover')).toBe('layover:layover 750\n');
    expect(await chroot.run('readlink', '-f', '/etc/systemd/system/sockets.target.wants/layover.socket')).toMatch(
      /\/lib\/systemd\/system\/layover\.socket\n$/,
    );
    expect(await chroot.run('dpkg', '--verify', 'layover')).toBe('');
    expect(await chroot.run('layover', '--version')).toBe(`layover ${facts.version}\n`);
    expect(await chroot.run('layover', 'config', 'check')).toContain('OK: /etc/layover/config.yml');
  });

  it('has units that systemd accepts, with an exposure of at most 2', async () => {
    const units = ['layover.service', 'layover.socket'].map((name) => `/usr/lib/systemd/system/${name}`);
    const [service = ''] = units;
    expect(await chroot.run('systemd-analyze', 'verify', '--man=no', ...units)).toBe('');
    const report = await chroot.run('systemd-analyze', 'security', '--offline=true', '--threshold=20', service);
    console.log(report.split('\n').find((line) => line.includes('Overall exposure level')));
  });

  it('serves with the Node.js that it brings, as its user', async () => {
    await chroot.run('sh', '-c', `printf '${HOSTED.replaceAll('\n', '\\n')}' >> /etc/layover/config.yml`);
    await using started = await startService();
    expect(await readlink(`/proc/${started.service.pid}/exe`)).toContain('usr/lib/layover/bin/node');
    expect(await readFile(`/proc/${started.service.pid}/status`, 'utf8')).not.toMatch(/^Uid:\t0/m);
    await new Pusher(started.url).image('team/app', image, '1');
    expect(await chroot.run('layover', 'cache', 'list')).toContain('team/app:1');
  });

  it('keeps the configuration and the content when it is upgraded', async () => {
    await using later = await repacked(deb);
    await install(later.path);
    expect(await chroot.run('dpkg-query', '--show', '--showformat=${Version} ${db:Status-Abbrev}', 'layover')).toBe(
      `${LATER} ii `,
    );
    expect(await read('/etc/layover/config.yml')).toContain(HOSTED);
    await using started = await startService();
    await new Pusher(started.url).expectWhole('team/app', image, '1');
  });

  it('leaves the configuration when it is removed, and only the content when it is purged', async () => {
    await chroot.run('dpkg', '--remove', 'layover');
    await expect(chroot.run('layover', '--version')).rejects.toThrow();
    expect(await read('/etc/layover/config.yml')).toContain(HOSTED);
    expect(await chroot.run('dpkg', '--purge', 'layover')).toContain('stored images are kept in /var/lib/layover');
    const left = await chroot.run(
      'find',
      '/etc',
      '/usr',
      '/lib',
      '-xdev',
      '-name',
      '*layover*',
      '-not',
      '-path',
      '*/node_modules/*',
    );
    expect(left).toBe('');
    expect(await chroot.run('ls', '/var/lib/layover')).toContain('docker');
  });
});

/** The same content as a later version. */
async function repacked(deb: string) {
  const directory = await temporaryDirectory();
  const tree = join(directory.path, 'tree');
  const path = join(directory.path, 'later.deb');
  await runProgram('dpkg-deb', ['--raw-extract', deb, tree]);
  await runProgram('sed', ['-i', `s/^Version: .*/Version: ${LATER}/`, join(tree, 'DEBIAN/control')]);
  await runProgram('dpkg-deb', ['--build', '--root-owner-group', '-Znone', tree, path]);
  return { path, [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose]() };
}
