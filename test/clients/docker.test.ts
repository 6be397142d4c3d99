import { startDockerDaemon } from './docker-daemon.ts';
import type { PullClient } from './pull-client.ts';
import { describePullClient } from './pull-client-contract.ts';

await describePullClient({
  name: 'dockerd with registry-mirrors',
  programs: ['dockerd', 'docker', 'containerd', 'runc'],
  start: startDocker,
});

/** A daemon with nothing set but `registry-mirrors`. */
async function startDocker(mirror: string): Promise<PullClient> {
  const daemon = await startDockerDaemon(['--registry-mirror', mirror]);
  const { docker } = daemon;
  return {
    pull: async (image) => void (await docker('pull', image)),
    remove: async (image) => void (await docker('rmi', image)),
    run: (image) => docker('run', '--rm', '--network=none', image),
    [Symbol.asyncDispose]: () => daemon[Symbol.asyncDispose](),
  };
}
