import { containersSettings } from './containers-image.ts';
import type { PullClient } from './pull-client.ts';
import { describePullClient } from './pull-client-contract.ts';

await describePullClient({ name: 'buildah with registries.conf', programs: ['buildah'], start: startBuildah });

async function startBuildah(mirror: string): Promise<PullClient> {
  const settings = await containersSettings(mirror);
  const buildah = (...args: string[]) => settings.run('buildah', ...args);
  return {
    pull: async (image) => void (await buildah('pull', '--signature-policy', settings.policy, image)),
    remove: async (image) => void (await buildah('rmi', image)),
    run: async (image) => {
      const container = (await buildah('from', '--pull-never', image)).trim();
      const printed = await buildah('run', '--isolation', 'chroot', container, '/hello');
      await buildah('rm', container);
      return printed;
    },
    [Symbol.asyncDispose]: settings[Symbol.asyncDispose],
  };
}
