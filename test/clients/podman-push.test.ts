import { startPodmanSettings } from './podman-settings.ts';
import { skopeoPuller } from './pullers.ts';
import type { PushClient } from './push-client.ts';
import { describePushClient } from './push-client-contract.ts';

const HTTP = '--tls-verify=false';

await describePushClient({
  name: 'podman',
  programs: ['podman', 'runc'],
  needsRoot: true,
  start: startPodman,
  puller: skopeoPuller,
  triesAgain: false,
});

async function startPodman(): Promise<PushClient> {
  const podman = await startPodmanSettings();
  const policy = ['--signature-policy', podman.policy];
  return {
    async copy(from, to) {
      await podman.run('pull', HTTP, ...policy, from);
      await podman.run('tag', from, to);
      await podman.run('push', HTTP, ...policy, to);
    },
    async copyIndex(from, to) {
      await podman.run('manifest', 'create', 'multi');
      await podman.run('manifest', 'add', HTTP, '--all', 'multi', `docker://${from}`);
      await podman.run('manifest', 'push', HTTP, '--all', 'multi', `docker://${to}`);
    },
    login: async (registry, user, password) =>
      void (await podman.run('login', HTTP, '--username', user, '--password', password, registry)),
    [Symbol.asyncDispose]: podman[Symbol.asyncDispose],
  };
}
