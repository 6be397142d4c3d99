import { mkdir, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { Images } from '../support/images.ts';
import { startScene } from './image-scene.ts';

const images = new Images();
const image = images.addImage('team/app', '1.0');
const other = images.addImage('team/app', '2.0');
const [layer = other.config] = other.layers;
const blob = (digest: string) => `blobs/${digest.replace(':', '/')}`;

/** A layout with one image, in which a file or a directory has been replaced by a link to where it lies now. */
async function linkedOut(scene: Awaited<ReturnType<typeof startScene>>, path: string, makeOutside: boolean) {
  await scene.image(['pull', '-q', `${scene.from}/team/app:1.0`, '-o', 'oci:layout:1.0']);
  const [inside, outside] = [join(scene.path, 'layout', path), join(scene.path, 'outside')];
  if (makeOutside) await mkdir(outside);
  else await rename(inside, outside);
  await symlink(outside, inside);
  return outside;
}

const write = (scene: Awaited<ReturnType<typeof startScene>>) =>
  scene.image(['pull', '-q', `${scene.from}/team/app:2.0`, '-o', 'oci:layout:2.0']);

describe('a layout with links that lead out of it', () => {
  it.each([
    ['blobs', false],
    ['blobs/sha256', false],
    ['.layover-partial', true],
  ])('is not written when %s is one', async (path, makeOutside) => {
    await using scene = await startScene(images);
    const outside = await linkedOut(scene, path, makeOutside);
    const before = await readdir(outside, { recursive: true });
    const { code, stderr } = await write(scene);
    expect(code).not.toBe(0);
    expect(stderr).toContain(`${path} is a link out of the layout`);
    expect(await readdir(outside, { recursive: true })).toEqual(before);
  });

  it('is not written when `blobs` is a dangling link, and nothing is created at its target', async () => {
    await using scene = await startScene(images);
    const outside = await linkedOut(scene, 'blobs', false);
    await rm(outside, { recursive: true });
    expect((await write(scene)).stderr).toContain('blobs is a link out of the layout');
    expect(await readdir(scene.path)).not.toContain('outside');
  });

  it.each(['index.json', 'oci-layout'])('has its %s replaced, and not the target of the link', async (path) => {
    await using scene = await startScene(images);
    const outside = await linkedOut(scene, path, false);
    const before = await readFile(outside, 'utf8');
    expect((await write(scene)).code).toBe(0);
    expect(await readFile(outside, 'utf8')).toBe(before);
    for (const tag of ['1.0', '2.0']) {
      expect((await scene.image(['copy', '-q', `oci:layout:${tag}`, `oci:copy-${tag}`])).code).toBe(0);
    }
  });

  it('gets a file in place of a link, also for a blob that was begun', async () => {
    await using scene = await startScene(images);
    await scene.image(['pull', '-q', `${scene.from}/team/app:1.0`, '-o', 'oci:layout:1.0']);
    const outside = join(scene.path, 'outside');
    const size = images.blobs.get(layer)?.size ?? 0;
    await writeFile(outside, Buffer.alloc(size, 'x'));
    await rm(join(scene.path, 'layout', blob(layer)), { force: true });
    await symlink(outside, join(scene.path, 'layout', blob(layer)));
    await mkdir(join(scene.path, 'layout/.layover-partial'));
    await symlink(outside, join(scene.path, 'layout/.layover-partial', layer.replace(':', '-')));
    expect((await write(scene)).code).toBe(0);
    expect(await readFile(outside, 'utf8')).toBe('x'.repeat(size));
    expect((await scene.image(['copy', '-q', 'oci:layout:2.0', 'oci:copy'])).code).toBe(0);
  });

  it('is read, as its blobs match their digests', async () => {
    await using scene = await startScene(images);
    await linkedOut(scene, 'blobs', false);
    expect((await scene.image(['copy', '-q', 'oci:layout:1.0', 'oci:copy'])).stdout.trim()).toBe(image.digest);
    expect(await readdir(join(scene.path, 'copy/blobs/sha256'))).toContain(image.digest.slice(7));
  });

  it('is written where a link stays inside', async () => {
    await using scene = await startScene(images);
    await scene.image(['pull', '-q', `${scene.from}/team/app:1.0`, '-o', 'oci:layout:1.0']);
    await rename(join(scene.path, 'layout/blobs'), join(scene.path, 'layout/real'));
    await symlink('real', join(scene.path, 'layout/blobs'));
    expect((await write(scene)).code).toBe(0);
    expect((await scene.image(['copy', '-q', 'oci:layout:2.0', 'oci:copy'])).code).toBe(0);
  });
});
