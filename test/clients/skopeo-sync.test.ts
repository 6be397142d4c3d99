import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { expectNothingBroken } from '../integration/stored-data.ts';
import { type BuiltImage, Images } from '../support/images.ts';
import { runProgram } from '../support/processes.ts';
import { type RegistryBackend, startRegistryBackend } from '../support/registry-backend.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { type PushScene, startPushScene } from './push-scene.ts';
import { readImages } from './pushed-content.ts';
import { whyNotTested } from './why-not-tested.ts';

const lacks = await whyNotTested('skopeo sync', ['skopeo'], { needsRoot: false });

describe.skipIf(lacks)('skopeo', () => {
  const images = new Images();
  let source: RegistryBackend;
  let scene: PushScene;
  let second: BuiltImage;

  beforeAll(async () => {
    images.addImage('team/app', '1', { layers: [50_000] });
    second = images.addImage('team/app', '2', { layers: [60_000] });
    source = await startRegistryBackend(images);
    scene = await startPushScene();
  });
  afterAll(async () => {
    await scene?.[Symbol.asyncDispose]();
    await source?.[Symbol.asyncDispose]();
  });

  const skopeo = async (...args: readonly string[]) =>
    (await runProgram('skopeo', ['--insecure-policy', ...args])).stdout;
  const tags = async (name: string) =>
    (JSON.parse(await skopeo('list-tags', '--tls-verify=false', `docker://${name}`)) as { Tags: string[] }).Tags;

  it('syncs a repository with all of its tags', async () => {
    const { host } = new URL(source.url);
    const http = ['--src-tls-verify=false', '--dest-tls-verify=false'];
    await skopeo(
      'sync',
      '--all',
      ...http,
      '--src=docker',
      '--dest=docker',
      `${host}/team/app`,
      `${scene.registry}/synced`,
    );
    expect(await tags(`${scene.registry}/synced/app`)).toEqual(['1', '2']);
    for (const tag of ['1', '2']) {
      const synced = await readImages(`${scene.registry}/synced/app:${tag}`);
      expect(synced).toEqual(await readImages(`${host}/team/app:${tag}`));
    }
    await expectNothingBroken(scene.layover);
  });

  it('deletes an image, and nothing of the other', async () => {
    const name = `${scene.registry}/synced/app`;
    await skopeo('delete', '--tls-verify=false', `docker://${name}:1`);
    expect(await tags(name)).toEqual(['2']);
    expect((await readImages(`${name}:2`)).map(({ config }) => config)).toEqual([second.config]);
    await expectNothingBroken(scene.layover);
  });

  it('pushes from a layout, and pulls into one', async () => {
    await using directory = await temporaryDirectory();
    const layout = (name: string) => `oci:${join(directory.path, name)}:1`;
    const { host } = new URL(source.url);
    const pushed = `${scene.registry}/team/layout:1`;
    await skopeo('copy', '--src-tls-verify=false', `docker://${host}/team/app:1`, layout('out'));
    await skopeo('copy', '--dest-tls-verify=false', layout('out'), `docker://${pushed}`);
    await skopeo('copy', '--src-tls-verify=false', `docker://${pushed}`, layout('in'));
    expect(await readImages(pushed)).toEqual(await readImages(`${host}/team/app:1`));
    expect(await skopeo('inspect', '--raw', layout('in'))).toBe(await skopeo('inspect', '--raw', layout('out')));
  });
});
