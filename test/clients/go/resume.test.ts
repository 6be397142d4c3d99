import { describe, expect, it, onTestFailed } from 'vitest';

import { expectNothingBroken } from '../../integration/stored-data.ts';
import { Images } from '../../support/images.ts';
import { startRegistryBackend } from '../../support/registry-backend.ts';
import { startPushScene } from '../push-scene.ts';
import { readImages } from '../pushed-content.ts';
import { requestsIn } from '../requests-in.ts';
import { whyNotTested } from '../why-not-tested.ts';
import { openGoClient } from './go-client.ts';

const LAYER = 20_000_000;
const CHUNK = 1_000_000;

const lacks = await whyNotTested('a push that resumes', ['regctl'], { needsRoot: false });

describe.skipIf(lacks)('a push by regctl whose connection breaks within a chunk', () => {
  it('goes on where it broke, and sends nothing twice but that chunk', async () => {
    const images = new Images();
    images.addImage('source/app', '1', { layers: [LAYER] });
    await using source = await startRegistryBackend(images);
    await using scene = await startPushScene();
    onTestFailed(() => console.warn(requestsIn(scene.layover.stdout).join('\n')));
    await using regctl = await openGoClient('regctl');
    const from = `${new URL(source.url).host}/source/app:1`;
    const to = `${scene.registry}/team/app:1`;
    const chunked = ['--blob-max', String(CHUNK), '--blob-chunk', String(CHUNK)];
    await regctl.run('registry', 'set', '--skip-check', '--tls', 'disabled', new URL(source.url).host);
    await regctl.run('registry', 'set', '--skip-check', '--tls', 'disabled', ...chunked, scene.registry);
    scene.tap.cutOnTheWayIn(LAYER / 2);
    await regctl.run('image', 'copy', from, to);
    expect(scene.tap.counts.cuts).toBe(1);
    expect(scene.tap.counts.bytesToTarget).toBeLessThan(LAYER + 2 * CHUNK);
    expect(await readImages(to)).toEqual(await readImages(from));
    await expectNothingBroken(scene.layover);
  });
});
