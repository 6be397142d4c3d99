import { startDockerDaemon } from './docker-daemon.ts';
import { podmanPuller } from './pullers.ts';
import type { PushClient } from './push-client.ts';
import { describePushClient } from './push-client-contract.ts';

await describePushClient({
  name: 'docker',
  programs: ['dockerd', 'docker', 'containerd', 'runc'],
  needsRoot: true,
  start: startDocker,
  puller: podmanPuller,
  triesAgain: true,
});

async function startDocker(): Promise<PushClient> {
  const daemon = await startDockerDaemon();
  const { docker } = daemon;
  return {
    async copy(from, to) {
      await docker('pull', from);
      await docker('tag', from, to);
      await docker('push', to);
    },
    login: async (registry, user, password) =>
      void (await docker('login', '--username', user, '--password', password, registry)),
    [Symbol.asyncDispose]: () => daemon[Symbol.asyncDispose](),
  };
}
