import { afterAll, beforeAll, describe, expect, it, onTestFailed } from 'vitest';

import { expectNothingBroken } from '../integration/stored-data.ts';
import { filesBelow } from '../support/data-directory.ts';
import { Images } from '../support/images.ts';
import { type RegistryBackend, startRegistryBackend } from '../support/registry-backend.ts';
import type { PushClient, PushClientKind } from './push-client.ts';
import {
  AUTHORIZATION,
  type Login,
  LOGINS,
  type PushScene,
  startGuardedScene,
  startPushScene,
  USER,
} from './push-scene.ts';
import { readImages } from './pushed-content.ts';
import { requestsIn } from './requests-in.ts';
import { whyNotTested } from './why-not-tested.ts';

const REPOSITORY = 'source/app';
const LAYER_SIZES = [8_000_000, 50_000];
/** A client that sends a layer again sends more. */
const REFUSED = /unauthorized|authentication required|401|incorrect username|invalid username/i;
const LESS_THAN_A_LAYER = 1_000_000;

/** What every client must be able to do when it pushes to Layover. */
export async function describePushClient(kind: PushClientKind): Promise<void> {
  const lacks = await whyNotTested(kind.name, [...kind.programs, ...kind.puller.programs], kind);

  describe.skipIf(lacks)(`${kind.name} pushes to Layover`, () => {
    const images = new Images();
    let source: RegistryBackend;
    let scene: PushScene;
    let client: PushClient;
    let from: string;

    beforeAll(async () => {
      images.addImage(REPOSITORY, '1', { layers: LAYER_SIZES });
      images.addIndex(REPOSITORY, 'multi', { layers: [40_000] });
      source = await startRegistryBackend(images);
      scene = await startPushScene();
      client = await kind.start();
      from = `${new URL(source.url).host}/${REPOSITORY}`;
    });
    afterAll(async () => {
      await client?.[Symbol.asyncDispose]();
      await scene?.[Symbol.asyncDispose]();
      await source?.[Symbol.asyncDispose]();
    });

    const expectWhole = async (pushed: string, tag: string, { layover }: PushScene = scene) => {
      expect(await readImages(pushed)).toEqual(await readImages(`${from}:${tag}`));
      await expectNothingBroken(layover);
    };
    const logOnFailure = ({ layover }: PushScene = scene) =>
      onTestFailed(() => console.warn(requestsIn(layover.stdout).join('\n')));

    it('an image, which another client pulls', async () => {
      logOnFailure();
      const to = `${scene.registry}/team/app:1`;
      await client.copy(`${from}:1`, to);
      await expectWhole(to, '1');
      const [image] = await readImages(to);
      expect(await kind.puller.pull(to)).toBe(image?.config);
      expect(await sessionsOf(scene)).toEqual([]);
    });

    it('the same layers to another repository, without sending them', async () => {
      logOnFailure();
      const first = `${scene.registry}/mounts/first:1`;
      const second = `${scene.registry}/mounts/second:1`;
      await client.copy(`${from}:1`, first);
      const before = scene.tap.counts.bytesToTarget;
      await client.copy(first, second);
      expect(scene.tap.counts.bytesToTarget - before).toBeLessThan(LESS_THAN_A_LAYER);
      await expectWhole(second, '1');
    });

    it('an index with all of its images', async ({ skip }) => {
      logOnFailure();
      if (!client.copyIndex) return skip(`${kind.name} has no way to`);
      const to = `${scene.registry}/team/multi:1`;
      await client.copyIndex(`${from}:multi`, to);
      await expectWhole(to, 'multi');
    });

    it(`through a connection that breaks within a layer, ${kind.triesAgain ? 'by itself' : 'run once more if need be'}`, async () => {
      logOnFailure();
      await using broken = await startPushScene();
      const to = `${broken.registry}/team/app:1`;
      broken.tap.cutOnTheWayIn(3_000_000);
      const pushing = client.copy(`${from}:1`, to);
      if (!kind.triesAgain) await pushing.catch(() => client.copy(`${from}:1`, to));
      else await pushing;
      expect(broken.tap.counts.cuts).toBe(1);
      await expectWhole(to, '1', broken);
    });

    it.each(Object.keys(LOGINS) as Login[])('with the right password alone, by %s', async (way) => {
      await using guarded = await startGuardedScene(way);
      logOnFailure(guarded);
      await using other = await kind.start();
      const to = `${guarded.registry}/team/app:1`;
      const intruding = async () => {
        await other.login(guarded.registry, USER.name, 'wrong');
        await other.copy(`${from}:1`, to);
      };
      await expect(intruding()).rejects.toThrow(REFUSED);
      expect(await guarded.layover.visibleBlobs()).toEqual([]);
      await other.login(guarded.registry, USER.name, USER.password);
      await other.copy(`${from}:1`, to);
      await expectNothingBroken(guarded.layover);
      expect(await readImages(to, { authorization: AUTHORIZATION })).toEqual(await readImages(`${from}:1`));
    });
  });
}

/** Uploads that nobody has finished or cancelled. */
async function sessionsOf({ layover }: PushScene): Promise<readonly string[]> {
  return (await filesBelow(layover.dataDirectory)).filter((path) => path.includes('/_uploads/'));
}
