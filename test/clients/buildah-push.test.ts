import { containersSettings } from './containers-image.ts';
import { skopeoPuller } from './pullers.ts';
import type { PushClient } from './push-client.ts';
import { describePushClient } from './push-client-contract.ts';

const HTTP = '--tls-verify=false';

await describePushClient({
  name: 'buildah',
  programs: ['buildah'],
  needsRoot: true,
  start: startBuildah,
  puller: skopeoPuller,
  triesAgain: false,
});

async function startBuildah(): Promise<PushClient> {
  const settings = await containersSettings('http://127.0.0.1:1');
  const buildah = (...args: string[]) => settings.run('buildah', ...args);
  const policy = ['--signature-policy', settings.policy];
  return {
    async copy(from, to) {
      await buildah('pull', HTTP, ...policy, from);
      await buildah('tag', from, to);
      await buildah('push', HTTP, ...policy, to);
    },
    async copyIndex(from, to) {
      await buildah('manifest', 'create', 'multi');
      await buildah('manifest', 'add', HTTP, '--all', 'multi', `docker://${from}`);
      await buildah('manifest', 'push', HTTP, ...policy, '--all', 'multi', `docker://${to}`);
    },
    login: async (registry, user, password) =>
      void (await buildah('login', HTTP, '--username', user, '--password', password, registry)),
    [Symbol.asyncDispose]: settings[Symbol.asyncDispose],
  };
}
