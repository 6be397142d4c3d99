import { containersSettings } from './containers-image.ts';
import type { PullClient } from './pull-client.ts';
import { describePullClient } from './pull-client-contract.ts';

await describePullClient({ name: 'podman with registries.conf', programs: ['podman'], start: startPodman });

async function startPodman(mirror: string): Promise<PullClient> {
  const settings = await containersSettings(mirror);
  const podman = (...args: string[]) => settings.run('podman', ...args);
  return {
    pull: async (image) => void (await podman('pull', '--signature-policy', settings.policy, image)),
    remove: async (image) => void (await podman('rmi', '--force', image)),
    run: (image) => podman('run', '--rm', '--network=none', '--pull=never', image),
    [Symbol.asyncDispose]: settings[Symbol.asyncDispose],
  };
}
