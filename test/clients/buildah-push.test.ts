import { mkdir, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';

import { expectNothingBroken } from '../integration/stored-data.ts';
import { Images } from '../support/images.ts';
import { startRegistryBackend } from '../support/registry-backend.ts';
import { containersSettings } from './containers-image.ts';
import { skopeoPuller } from './pullers.ts';
import type { PushClient } from './push-client.ts';
import { describePushClient } from './push-client-contract.ts';
import { startPushScene } from './push-scene.ts';
import { readImages } from './pushed-content.ts';
import { whyNotTested } from './why-not-tested.ts';

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

const lacks = await whyNotTested('buildah bud', ['buildah', 'skopeo'], { needsRoot: true });

describe.skipIf(lacks)('buildah builds on a pushed image', () => {
  it('and pushes the result, of which only the new layer is sent', async () => {
    const images = new Images();
    images.addImage('source/app', '1', { layers: [8_000_000] });
    await using source = await startRegistryBackend(images);
    await using scene = await startPushScene();
    await using client = await startBuildah();
    await using builder = await containersSettings('http://127.0.0.1:1');
    const base = `${scene.registry}/team/base:1`;
    const built = `${scene.registry}/team/built:1`;
    await client.copy(`${new URL(source.url).host}/source/app:1`, base);
    await mkdir(builder.at('context'));
    await writeFile(builder.at('context/new'), 'a layer of its own');
    await writeFile(builder.at('context/Containerfile'), `FROM ${base}\nCOPY new /new\nLABEL built=here\n`);
    const policy = ['--signature-policy', builder.policy];
    await builder.run(
      'buildah',
      'bud',
      HTTP,
      ...policy,
      '--isolation',
      'chroot',
      '--tag',
      built,
      builder.at('context'),
    );
    const before = scene.tap.counts.bytesToTarget;
    await builder.run('buildah', 'push', HTTP, ...policy, built);
    expect(scene.tap.counts.bytesToTarget - before).toBeLessThan(1_000_000);
    const [[of], [on]] = await Promise.all([readImages(built), readImages(base)]);
    expect(of?.diffIds.slice(0, -1)).toEqual(on?.diffIds);
    expect(await skopeoPuller.pull(built)).toBe(of?.config);
    await expectNothingBroken(scene.layover);
  });
});
