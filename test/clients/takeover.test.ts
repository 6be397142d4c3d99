import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { startDistribution } from '../integration/distribution-cache.ts';
import { Hub } from '../support/hub.ts';
import { Images } from '../support/images.ts';
import { Layover } from '../support/layover.ts';
import { findProgram } from '../support/programs.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { startDockerDaemon } from './docker-daemon.ts';
import { whyNotTested } from './why-not-tested.ts';

const PROGRAMS = ['docker-registry', 'dockerd', 'docker', 'containerd', 'runc'];
const unready = await whyNotTested('taking over the volume of registry:2', PROGRAMS, { needsRoot: true });

const images = new Images();
const image = images.addImage('library/app', '1', { layers: [300_000] });

describe.skipIf(unready)('the volume of a registry:2 that cached for dockerd', () => {
  it('is served to dockerd by Layover without a request to the upstream', async () => {
    await using hub = await Hub.start(images);
    await using volume = await temporaryDirectory();
    await fill(volume.path, hub.url);

    hub.requests.reset();
    const config = { proxy: { remoteurl: hub.url } };
    await using layover = await Layover.startProcess({ config, dataDirectory: volume.path });
    await layover.waitForOutput(/found a cache written by distribution/);
    await expectRun(layover.url);
    expect(hub.requests.all).toEqual([]);
  });
});

/** Pulls by distribution, which writes what it has five seconds later. */
async function fill(rootdirectory: string, remoteurl: string): Promise<void> {
  const program = (await findProgram('docker-registry')) ?? '';
  await using distribution = await startDistribution({ program, rootdirectory, remoteurl });
  await expectRun(distribution.url);
  const state = () => readFile(join(rootdirectory, 'scheduler-state.json'), 'utf8').catch(() => '');
  for (const digest of [image.digest, image.config, ...image.layers]) await expect.poll(state).toContain(digest);
}

/** By a daemon that has nothing yet. */
async function expectRun(mirror: string): Promise<void> {
  await using daemon = await startDockerDaemon(['--registry-mirror', mirror]);
  await daemon.docker('pull', 'app:1');
  expect(await daemon.docker('run', '--rm', '--network=none', 'app:1')).toContain('hello');
}
