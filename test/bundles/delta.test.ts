import { readFile, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';

import { parseDigestList } from '../../src/bundles/digest-list.ts';
import { pull } from '../integration/pulling.ts';
import { expectNothingBroken } from '../integration/stored-data.ts';
import { runLayover } from '../support/run-layover.ts';
import { amd64, bundle, bundleScenes, multi, single } from './scene.ts';

const { startInside, startOffline, startScene } = bundleScenes();

describe('layover bundle create, for a site that has some of it', () => {
  it('leaves out the blobs of an inventory, and what then lacks is in the next bundle', async () => {
    await using scene = await startScene();
    await using other = await startOffline();
    await scene.create('full');
    await bundle('import', scene.path('full'), other.configFile);
    const inventory = await bundle('inventory', other.configFile);
    expect(inventory).toMatchObject({ code: 0, stderr: '' });
    expect(inventory.stdout.trim().split('\n')).toEqual(expect.arrayContaining([...amd64.layers, ...single.layers]));
    await writeFile(scene.path('have.txt'), inventory.stdout);
    const delta = await scene.create('delta', '--have', scene.path('have.txt'));
    expect(delta).toMatchObject({ code: 0, stdout: expect.stringMatching(/2 of 2 images, 0 B, without \d+ blobs\n$/) });
    expect(await bundle('verify', scene.path('delta'))).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/2 images complete with \d+ blobs of the other side/),
    });
    // The same site again, where all of it is; and one where nothing is.
    expect(await bundle('import', scene.path('delta'), other.configFile)).toMatchObject({ code: 0, stderr: '' });
    await using empty = await startInside();
    const missing = scene.path('missing.txt');
    const refused = await bundle('import', scene.path('delta'), empty.configFile, '--missing-to', missing);
    expect(refused).toMatchObject({ code: 1, stdout: expect.stringContaining('0 of 2 images imported') });
    expect(refused.stderr).toMatch(
      /library\/single:v1: \d+ blobs were left out of the bundle, and are not in the cache\n/,
    );
    expect((await readFile(missing, 'utf8')).split('\n')).toEqual(inventory.stdout.split('\n'));
    expect(await empty.visibleBlobs()).toEqual([]);
    const next = await scene.create('next', '--have', scene.path('have.txt'), '--missing', missing);
    expect(next).toMatchObject({ code: 0, stderr: '' });
    expect(await bundle('import', scene.path('next'), empty.configFile)).toMatchObject({ code: 0, stderr: '' });
    expect(
      await runLayover(['check', scene.path('lock.yaml'), '--referrers', '--read', empty.configFile]),
    ).toMatchObject({
      code: 0,
    });
  });

  it('leaves out the blobs of an earlier bundle, of which a volume is enough', async () => {
    await using scene = await startScene();
    const lock = await readFile(scene.path('lock.yaml'), 'utf8');
    await writeFile(scene.path('lock.yaml'), lock.replace(/ {2}- name: docker.io\/library\/single[^]*/, ''));
    expect(await scene.create('first.tar', '--volume', '1MiB')).toMatchObject({ code: 0 });
    await writeFile(scene.path('lock.yaml'), lock);
    const base = scene.path('first.001.tar');
    expect(await scene.create('second.tar', '--base', base)).toMatchObject({ code: 0, stderr: '' });
    await using inside = await startOffline();
    expect(await bundle('import', scene.path('second.tar'), inside.configFile)).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('1 of 2 images imported'),
    });
    expect(await pull(`${inside.url}/v2/library/multi/manifests/1`)).toMatchObject({ status: 404 });
    expect(await bundle('import', base, inside.configFile)).toMatchObject({ code: 0 });
    expect(await bundle('import', scene.path('second.tar'), inside.configFile)).toMatchObject({ code: 0, stderr: '' });
    expect(await pull(`${inside.url}/v2/library/multi/manifests/1`)).toMatchObject({ digest: multi.digest });
    await expectNothingBroken(inside);
    const third = await scene.create('third', '--base', scene.path('second.tar'));
    expect(third.stdout).toMatch(/ 0 B, without/);
  });
});

it('a list of digests names the line that is not one', () => {
  expect(parseDigestList(`# inside\n${multi.digest}  # multi\n\n`, 'have.txt')).toEqual([multi.digest]);
  expect(() => parseDigestList(`${multi.digest}\nsha256:12\n`, 'have.txt')).toThrow('have.txt: line 2 is not a digest');
});
