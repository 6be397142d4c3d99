import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { expectNothingBroken } from '../integration/stored-data.ts';
import { Hub } from '../support/hub.ts';
import { Images } from '../support/images.ts';
import { dockerHubUpstream } from '../support/layover.ts';
import { runProgram } from '../support/processes.ts';
import { type DockerDaemon, startDockerDaemon } from './docker-daemon.ts';
import { type PushScene, startPushScene } from './push-scene.ts';
import { readImages } from './pushed-content.ts';
import { whyNotTested } from './why-not-tested.ts';

const programs = ['dockerd', 'docker', 'containerd', 'runc', 'skopeo'];
const lacks = await whyNotTested('a cache that is also pushed to', programs, { needsRoot: true });

describe.skipIf(lacks)('a cache that is also pushed to', () => {
  const images = new Images();
  let hub: Hub;
  let scene: PushScene;
  let daemon: DockerDaemon;

  beforeAll(async () => {
    images.addImage('library/hello', '1', { layers: [100_000] });
    hub = await Hub.start(images);
    scene = await startPushScene({ proxy: { upstreams: [dockerHubUpstream(hub)], hosted: ['team/*'] } });
    daemon = await startDockerDaemon(['--registry-mirror', scene.tap.url]);
  });
  afterAll(async () => {
    await daemon?.[Symbol.asyncDispose]();
    await scene?.[Symbol.asyncDispose]();
    await hub?.[Symbol.asyncDispose]();
  });

  const skopeo = (from: string, to: string) =>
    runProgram('skopeo', [
      ...['--insecure-policy', 'copy', '--src-tls-verify=false', '--dest-tls-verify=false'],
      ...[`docker://${from}`, `docker://${to}`],
    ]);

  it('takes pushes of its own names, of images that it was pulled through', async () => {
    const { docker } = daemon;
    const own = `${scene.registry}/team/app:1`;
    await docker('pull', 'hello:1');
    await docker('tag', 'hello:1', own);
    await docker('push', own);
    expect(await readImages(own)).toEqual(await readImages(`${scene.registry}/docker.io/library/hello:1`));
    await expectNothingBroken(scene.layover);
  });

  it('never asks the upstream for its own names', async () => {
    hub.requests.reset();
    const missing = skopeo(`${scene.registry}/team/none:1`, `${scene.registry}/team/copy:1`);
    await expect(missing).rejects.toThrow(/manifest unknown|name unknown/i);
    expect(hub.requests.lines()).toEqual([]);
  });

  it.each(['library/hello', 'docker.io/library/hello', 'docker.io/team/app', 'stranger/app'])(
    'takes no push to %s, and the clients show why',
    async (name) => {
      const { docker } = daemon;
      const foreign = `${scene.registry}/${name}:mine`;
      await docker('pull', 'hello:1');
      await docker('tag', 'hello:1', foreign);
      const why = new RegExp(
        `${name.replace(/^docker\.io\//, '')} belongs to upstream docker.io: push and delete are off`,
      );
      await expect(docker('push', foreign)).rejects.toThrow(why);
      await expect(skopeo(`${scene.registry}/team/app:1`, foreign)).rejects.toThrow(why);
    },
  );
});
