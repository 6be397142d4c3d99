import { mkdir, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';

import { HELLO_LINE } from '../support/hello-program.ts';
import { Hub } from '../support/hub.ts';
import { Images } from '../support/images.ts';
import { dockerHubUpstream, Layover } from '../support/layover.ts';
import { startContainerdDaemon } from './containerd-daemon.ts';
import type { PullClient } from './pull-client.ts';
import { describePullClient, lacking } from './pull-client-contract.ts';

const PROGRAMS = ['containerd', 'ctr', 'runc'];

await describePullClient({ name: 'containerd with hosts.toml', programs: PROGRAMS, start: startContainerd });

const lacks = await lacking(PROGRAMS);

describe.skipIf(lacks !== '')('containerd names the registry it means with ?ns=', () => {
  it('and gets the same name from each of two upstreams', async () => {
    const images = { 'docker.io': new Images(), 'ghcr.test': new Images() };
    const built = Object.entries(images).map(([seed, own]) => own.addImage('team/app', '1', { seed }));
    await using dockerHub = await Hub.start(images['docker.io']);
    await using ghcr = await Hub.start(images['ghcr.test'], { redirectBlobs: false });
    const upstreams = [dockerHubUpstream(dockerHub), { name: 'ghcr.test', remoteurl: ghcr.url }];
    await using layover = await Layover.startProcess({ config: { proxy: { upstreams } } });
    await using client = await startContainerd(layover.url);
    for (const registry of ['docker.io', 'ghcr.test']) {
      await client.pull(`${registry}/team/app:1`);
      expect((await client.run(`${registry}/team/app:1`))?.trim()).toBe(HELLO_LINE);
    }
    for (const [position, hub] of [dockerHub, ghcr].entries()) {
      const pulled = hub.requests.of('manifest-get').map(({ reference = '' }) => hub.resolve('team/app', reference));
      expect(pulled).toEqual([built[position]?.digest]);
    }
  });
});

/** A containerd whose `_default` host is the mirror. */
async function startContainerd(mirror: string): Promise<PullClient> {
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
}
