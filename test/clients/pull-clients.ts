import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { runProgram } from '../support/processes.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { startContainerdDaemon } from './containerd-daemon.ts';
import { startDockerDaemon } from './docker-daemon.ts';
import { startPodmanSettings } from './podman-settings.ts';
import type { PullClientKind } from './pull-client.ts';

/** A daemon with nothing set but `registry-mirrors`. */
export const docker: PullClientKind = {
  name: 'dockerd with registry-mirrors',
  programs: ['dockerd', 'docker', 'containerd', 'runc'],
  async start(mirror) {
    const daemon = await startDockerDaemon(['--registry-mirror', mirror]);
    const run = daemon.docker;
    return {
      pull: async (image) => void (await run('pull', image)),
      remove: async (image) => void (await run('rmi', image)),
      run: (image) => run('run', '--rm', '--network=none', image),
      [Symbol.asyncDispose]: () => daemon[Symbol.asyncDispose](),
    };
  },
};

/** A containerd whose `_default` host is the mirror. */
export const containerd: PullClientKind = {
  name: 'containerd with hosts.toml',
  programs: ['containerd', 'ctr', 'runc'],
  async start(mirror) {
    const daemon = await startContainerdDaemon();
    const { at, ctr } = daemon;
    await mkdir(at('hosts/_default'), { recursive: true });
    await writeFile(at('hosts/_default/hosts.toml'), `[host."${mirror}"]\n  capabilities = ["pull", "resolve"]\n`);
    // The native snapshotter works on every file system.
    const native = ['--snapshotter', 'native'];
    return {
      pull: async (image) => void (await ctr('images', 'pull', '--hosts-dir', at('hosts'), ...native, image)),
      remove: async (image) => void (await ctr('images', 'rm', '--sync', image)),
      run: (image) => ctr('run', '--rm', ...native, image, 'hello'),
      [Symbol.asyncDispose]: () => daemon[Symbol.asyncDispose](),
    };
  },
};

export const podman: PullClientKind = {
  name: 'podman with registries.conf',
  programs: ['podman', 'runc'],
  async start(mirror) {
    const settings = await startPodmanSettings(mirror);
    return {
      pull: async (image) => void (await settings.run('pull', '--signature-policy', settings.policy, image)),
      remove: async (image) => void (await settings.run('rmi', '--force', image)),
      run: settings.runImage,
      [Symbol.asyncDispose]: settings[Symbol.asyncDispose],
    };
  },
};

export const skopeo: PullClientKind = {
  name: 'skopeo by path prefix',
  programs: ['skopeo'],
  async start(mirror) {
    const directory = await temporaryDirectory();
    const target = (image: string) => join(directory.path, encodeURIComponent(image));
    const { host } = new URL(mirror);
    const copy = ['--insecure-policy', 'copy', '--src-tls-verify=false'];
    return {
      pull: async (image) =>
        void (await runProgram('skopeo', [...copy, `docker://${host}/${image}`, `dir:${target(image)}`])),
      remove: (image) => rm(target(image), { recursive: true }),
      run: () => Promise.resolve(undefined),
      [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
    };
  },
};
