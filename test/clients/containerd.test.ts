import { describe, expect, it } from 'vitest';

import { HELLO_LINE } from '../support/hello-program.ts';
import { Hub } from '../support/hub.ts';
import { Images } from '../support/images.ts';
import { dockerHubUpstream, Layover } from '../support/layover.ts';
import { describePullClient, lacking } from './pull-client-contract.ts';
import { containerd } from './pull-clients.ts';

await describePullClient(containerd);

const lacks = await lacking(containerd.programs);

describe.skipIf(lacks !== '')('containerd names the registry it means with ?ns=', () => {
  it('and gets the same name from each of two upstreams', async () => {
    const images = { 'docker.io': new Images(), 'ghcr.test': new Images() };
    const built = Object.entries(images).map(([seed, own]) => own.addImage('team/app', '1', { seed }));
    await using dockerHub = await Hub.start(images['docker.io']);
    await using ghcr = await Hub.start(images['ghcr.test'], { redirectBlobs: false });
    const upstreams = [dockerHubUpstream(dockerHub), { name: 'ghcr.test', remoteurl: ghcr.url }];
    await using layover = await Layover.startProcess({ config: { proxy: { upstreams } } });
    await using client = await containerd.start(layover.url);
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
