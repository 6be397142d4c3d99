import { beforeAll, describe, expect, it, onTestFailed } from 'vitest';

import { HELLO_LINE, hostArchitecture } from '../support/hello-program.ts';
import { type BuiltImage, type BuiltIndex, Images } from '../support/images.ts';
import { missingPrograms } from '../support/programs.ts';
import type { PullClientKind } from './pull-client.ts';
import { type PullScene, startPullScene } from './pull-scene.ts';

const REPOSITORY = 'library/hello-layover';
const IMAGE = `docker.io/${REPOSITORY}:1`;
const MULTI = `docker.io/${REPOSITORY}:multi`;
const LAYER_SIZES = [3_000_000, 50_000];
const LAYER_BYTES = 3_050_000;

/** What an image brings with it, besides its manifest. */
const blobsOf = (image: BuiltImage) => [image.config, ...image.layers].toSorted();

/** What this machine lacks to run the client; empty when it lacks nothing. */
export async function lacking(programs: readonly string[]): Promise<string> {
  const missing = await missingPrograms(programs);
  const wants = [...(process.getuid?.() === 0 ? [] : ['root']), ...missing];
  return wants.join(', ');
}

/** What every client must be able to do through Layover, and what the upstream may see of it. */
export async function describePullClient(kind: PullClientKind): Promise<void> {
  const lacks = await lacking(kind.programs);
  if (lacks !== '') console.warn(`${kind.name} is not tested: this machine lacks ${lacks}`);

  describe.skipIf(lacks !== '')(`${kind.name} pulls through Layover`, () => {
    const images = new Images();
    let image: BuiltImage;
    let index: BuiltIndex;

    beforeAll(() => {
      image = images.addImage(REPOSITORY, '1', { layers: LAYER_SIZES });
      index = images.addIndex(REPOSITORY, 'multi', { layers: [40_000], family: 'docker' });
    });

    const start = async (tagTtl: string) => {
      const scene = await startPullScene(kind, images, { tagTtl });
      onTestFailed(() =>
        console.warn([scene.layover.output, 'upstream saw:', ...scene.hub.requests.lines()].join('\n')),
      );
      return scene;
    };

    it('cold, with one upstream request for each blob and one for the manifest', async () => {
      await using scene = await start('1h');
      await scene.client.pull(IMAGE);
      expect(fetched(scene, 'cdn-get')).toEqual(blobsOf(image));
      expect(fetched(scene, 'blob-get')).toEqual(blobsOf(image));
      expect(fetched(scene, 'manifest-get')).toEqual([image.digest]);
      expect(scene.hub.contentBytes).toBe(sizeOf(images, image));
      await expectToRun(scene, IMAGE);
    });

    it('warm, without an upstream request while the tag is fresh', async () => {
      await using scene = await start('1h');
      await pullTwice(scene);
      expect(scene.hub.requests.lines()).toEqual([]);
    });

    it('warm, with one HEAD and nothing else when the tag is stale', async () => {
      await using scene = await start('0s');
      await pullTwice(scene);
      expect(scene.hub.requests.counts()).toEqual({ 'manifest-head': 1 });
    });

    it('when the upstream is gone, though the tag is stale', async () => {
      await using scene = await start('0s');
      await scene.client.pull(IMAGE);
      await scene.client.remove(IMAGE);
      await scene.hub.stop();
      await scene.client.pull(IMAGE);
      await expectToRun(scene, IMAGE);
    });

    it('one platform of an index, and the other is never fetched', async () => {
      await using scene = await start('1h');
      await scene.client.pull(MULTI);
      const own = index.images[hostArchitecture];
      expect(fetched(scene, 'cdn-get')).toEqual(blobsOf(own));
      expect(fetched(scene, 'manifest-get')).toEqual([index.digest, own.digest].toSorted());
      await expectToRun(scene, MULTI);
    });
  });
}

async function expectToRun({ client }: PullScene, image: string): Promise<void> {
  const printed = await client.run(image);
  if (printed !== undefined) expect(printed.trim()).toBe(HELLO_LINE);
}

/** Leaves the hub's log with what the second pull did. */
async function pullTwice(scene: PullScene): Promise<void> {
  await scene.client.pull(IMAGE);
  await scene.client.remove(IMAGE);
  scene.hub.requests.reset();
  const before = scene.bytesToClient();
  await scene.client.pull(IMAGE);
  expect(scene.bytesToClient() - before).toBeGreaterThan(LAYER_BYTES);
}

/** The digests of these requests, sorted, each as often as it was asked for. A tag counts as what it points to. */
function fetched({ hub }: PullScene, kind: 'manifest-get' | 'blob-get' | 'cdn-get'): readonly (string | undefined)[] {
  const digests = hub.requests
    .of(kind)
    .map(({ repository = '', reference = '' }) => hub.resolve(repository, reference));
  return digests.toSorted();
}

function sizeOf(images: Images, image: BuiltImage): number {
  const sizes = blobsOf(image).map((digest) => images.blobs.get(digest)?.size ?? Number.NaN);
  return sizes.reduce((sum, size) => sum + size, image.bytes.length);
}
