import { containersSettings } from './containers-image.ts';
import type { PullClient } from './pull-client.ts';
import { describePullClient } from './pull-client-contract.ts';

await describePullClient({ name: 'podman with registries.conf', programs: ['podman', 'runc'], start: startPodman });

// crun refuses machines that mount both versions of cgroups.
const RUNC = ['--runtime', 'runc', '--cgroup-manager', 'cgroupfs'];
// Podman's own limits may be more than the machine that runs the tests allows.
const MODEST = ['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=1024:1024'];

async function startPodman(mirror: string): Promise<PullClient> {
  const settings = await containersSettings(mirror);
  const podman = (...args: string[]) => settings.run('podman', '--tmpdir', settings.at('libpod'), ...RUNC, ...args);
  return {
    pull: async (image) => void (await podman('pull', '--signature-policy', settings.policy, image)),
    remove: async (image) => void (await podman('rmi', '--force', image)),
    run: (image) => podman('run', '--rm', '--network=none', '--pull=never', ...MODEST, image),
    [Symbol.asyncDispose]: settings[Symbol.asyncDispose],
  };
}
