import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { basic, htpasswdOf } from '../auth/htpasswd-file.ts';
import { Images } from '../support/images.ts';
import { dockerHubUpstream, Layover } from '../support/layover.ts';
import { Hub } from '../support/hub.ts';
import { RunningProcess, runProgram } from '../support/processes.ts';
import { findProgram, missingPrograms } from '../support/programs.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const images = new Images();
images.addImage('library/app', '1', { layers: [200_000] });

/** A cache that everybody may pull from, where alice may push below `team/`, and bob may pull there. */
async function startScene() {
  const directory = await temporaryDirectory();
  const htpasswd = join(directory.path, 'htpasswd');
  await writeFile(htpasswd, await htpasswdOf({ alice: 'apw', bob: 'bpw' }));
  const hub = await Hub.start(images);
  const layover = await Layover.startProcess({
    config: {
      proxy: { upstreams: [dockerHubUpstream(hub)], hosted: ['team/**'] },
      auth: {
        htpasswd: { realm: 'house', path: htpasswd },
        issuer: {},
        anonymous: { repositories: ['docker.io/library/*'] },
        policy: [
          { users: ['alice'], repositories: ['team/**'], actions: ['*'] },
          { users: ['bob'], repositories: ['team/**'], actions: ['pull'] },
        ],
      },
    },
  });
  return {
    directory,
    layover,
    host: new URL(layover.url).host,
    async [Symbol.asyncDispose]() {
      await layover[Symbol.asyncDispose]();
      await hub[Symbol.asyncDispose]();
      await directory[Symbol.asyncDispose]();
    },
  };
}

interface LoginClient extends AsyncDisposable {
  login(user: string, password: string): Promise<unknown>;
  logout(): Promise<unknown>;
  pull(image: string): Promise<unknown>;
  /** What {@link pull} got from Docker Hub's name, under a name of its own. */
  push(image: string): Promise<unknown>;
}

type Scene = Awaited<ReturnType<typeof startScene>>;

async function describeLogin(name: string, programs: string[], start: (scene: Scene) => Promise<LoginClient>) {
  const missing = await missingPrograms(programs);
  if (missing.length > 0) console.warn(`skipped: ${name}, for want of ${missing.join(', ')}`);
  describe.skipIf(missing.length > 0)(`the login of ${name}`, () => {
    let scene: Scene;
    let client: LoginClient;
    beforeAll(async () => {
      scene = await startScene();
      client = await start(scene);
    });
    afterAll(async () => {
      await client[Symbol.asyncDispose]();
      await scene[Symbol.asyncDispose]();
    });

    it('pulls without a login what everybody may', async () => {
      await client.pull(`${scene.host}/library/app:1`);
      const answered = scene.layover.waitForOutput(/library\/app\/blobs\/\S+ .*http\.response\.status=200/);
      await expect(answered).resolves.toBeDefined();
    });

    it('is not logged in by a wrong password', async () => {
      await expect(client.login('alice', 'wrong')).rejects.toThrow(/unauthorized|invalid username|denied|401/i);
    });

    it('pushes after a login, and lets others pull', async () => {
      await client.login('alice', 'apw');
      await client.push(`${scene.host}/team/app:1`);
      const tags = await fetch(`${scene.layover.url}/v2/team/app/tags/list`, { headers: basic('alice', 'apw') });
      expect(await tags.json()).toEqual({ name: 'team/app', tags: ['1'] });
      await client.login('bob', 'bpw');
      await client.pull(`${scene.host}/team/app:1`);
    });

    it('is told that it may not push', async () => {
      await client.login('bob', 'bpw');
      await expect(client.push(`${scene.host}/team/other:1`)).rejects.toThrow(/denied|unauthorized/i);
    });

    it('pulls no more after it logged out', async () => {
      await client.logout();
      await expect(client.pull(`${scene.host}/team/app:1`)).rejects.toThrow(/denied|unauthorized/i);
    });
  });
}

await describeLogin('skopeo', ['skopeo'], async ({ directory, host }) => {
  const at = (name: string) => join(directory.path, name);
  const files = ['--authfile', at('auth.json')];
  const run = (...args: string[]) => runProgram('skopeo', args);
  let copies = 0;
  const copy = (from: string, to: string) =>
    run('--insecure-policy', 'copy', ...files, '--src-tls-verify=false', '--dest-tls-verify=false', from, to);
  return {
    login: (user, password) => run('login', ...files, '--tls-verify=false', '-u', user, '-p', password, host),
    logout: () => run('logout', ...files, host),
    pull: (image) => copy(`docker://${image}`, `dir:${at(`pulled-${copies++}`)}`),
    push: (image) => copy(`dir:${at('pulled-0')}`, `docker://${image}`),
    async [Symbol.asyncDispose]() {},
  };
});

await describeLogin('podman', ['podman'], async ({ directory, host }) => {
  const at = (name: string) => join(directory.path, name);
  await mkdir(at('home'));
  await writeFile(at('auth.json'), '{}');
  await writeFile(at('policy.json'), JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }] }));
  const env = {
    PATH: process.env['PATH'],
    HOME: at('home'),
    XDG_RUNTIME_DIR: at('home'),
    TMPDIR: directory.path,
    REGISTRY_AUTH_FILE: at('auth.json'),
  };
  const storage = ['--root', at('root'), '--runroot', at('run'), '--storage-driver', 'vfs', '--tmpdir', at('libpod')];
  const plain = ['--tls-verify=false'];
  const podman = (...args: string[]) => runProgram('podman', [...storage, ...args], { env });
  return {
    login: (user, password) => podman('login', ...plain, '-u', user, '-p', password, host),
    logout: () => podman('logout', host),
    pull: (image) => podman('pull', ...plain, '--signature-policy', at('policy.json'), image),
    push: (image) => podman('push', ...plain, '--signature-policy', at('policy.json'), `${host}/library/app:1`, image),
    async [Symbol.asyncDispose]() {},
  };
});

await describeLogin('docker', ['dockerd', 'docker', 'containerd', 'runc'], async ({ directory, host }) => {
  const at = (name: string) => join(directory.path, name);
  const socket = `unix://${at('docker.sock')}`;
  const own = ['--data-root', at('data'), '--exec-root', at('exec'), '--pidfile', at('docker.pid'), '-H', socket];
  const offline = ['--bridge=none', '--iptables=false', '--ip6tables=false'];
  const daemon = await RunningProcess.start((await findProgram('dockerd')) ?? 'dockerd', [...own, ...offline]);
  await daemon.waitForOutput(/API listen on/);
  const docker = (...args: string[]) => runProgram('docker', ['--config', at('config'), '-H', socket, ...args]);
  return {
    login: (user, password) => docker('login', '-u', user, '-p', password, host),
    logout: () => docker('logout', host),
    pull: (image) => docker('pull', image),
    async push(image) {
      await docker('tag', `${host}/library/app:1`, image);
      return docker('push', image);
    },
    async [Symbol.asyncDispose]() {
      await daemon.stop({ timeoutMs: 30_000 });
    },
  };
});
