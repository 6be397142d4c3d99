import { startPodmanSettings } from './podman-settings.ts';
import type { PullClient } from './pull-client.ts';
import { describePullClient } from './pull-client-contract.ts';

await describePullClient({ name: 'podman with registries.conf', programs: ['podman', 'runc'], start: startPodman });

async function startPodman(mirror: string): Promise<PullClient> {
  const podman = await startPodmanSettings(mirror);
  return {
    pull: async (image) => void (await podman.run('pull', '--signature-policy', podman.policy, image)),
    remove: async (image) => void (await podman.run('rmi', '--force', image)),
    run: podman.runImage,
    [Symbol.asyncDispose]: podman[Symbol.asyncDispose],
  };
}
