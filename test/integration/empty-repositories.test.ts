import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { imageOf, layer } from '../content/garbage/content-model.ts';
import { cacheCommand } from '../retention/command.ts';
import { pullImage, startExpiringCache, storedOf } from '../retention/expiring-cache.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { Images } from '../support/images.ts';
import { Layover } from '../support/layover.ts';
import { PushError, Pusher } from '../support/push.ts';
import { runLayover } from '../support/run-layover.ts';
import { sharedHub } from './scene.ts';
import { expectNothingBroken, expectStored } from './stored-data.ts';

const SOON = { timeout: 20_000, interval: 100 };
const images = new Images();
const image = images.addImage('library/app', 'latest', { layers: [4096] });
const parts = [image.config, ...image.layers];
const everything = [image.digest, ...parts];
const hub = sharedHub(images);

async function catalogOf(layover: Layover): Promise<readonly string[]> {
  const answer = await fetch(`${layover.url}/v2/_catalog`);
  return ((await answer.json()) as { repositories: string[] }).repositories;
}

const directoriesOf = (layover: Layover) =>
  readdir(join(layover.dataDirectory, 'docker/registry/v2/repositories'), { recursive: true }).catch(() => []);

const pullAll = (layover: Layover) => pullImage(layover, 'library/app', { tag: 'latest', layers: parts });

describe('a cached repository of which nothing is left', () => {
  it('is not in the catalog any more after the TTL, until it is pulled again', async () => {
    const clock = new FakeClock();
    await using layover = await startExpiringCache(hub(), { proxy: { ttl: '3s' }, clock });
    await pullAll(layover);
    expect(await catalogOf(layover)).toEqual(['docker.io/library/app']);
    const storedLater = async () => {
      await clock.advance(1_000);
      return storedOf(layover, everything);
    };
    await expect.poll(storedLater, SOON).toEqual([]);
    await expect.poll(() => catalogOf(layover), SOON).toEqual([]);
    expect(await directoriesOf(layover)).toEqual([]);
    await pullAll(layover);
    expect(await catalogOf(layover)).toEqual(['docker.io/library/app']);
  });

  it('is not in the catalog any more when a command has evicted it, of a running server or a stopped one', async () => {
    await using layover = await startExpiringCache(hub());
    const evict = () => cacheCommand(layover, 'cache', 'evict', 'docker.io/library/app:latest');
    await pullAll(layover);
    await expectStored(layover, everything);
    expect((await evict()).code).toBe(0);
    expect(await catalogOf(layover)).toEqual([]);
    expect(await directoriesOf(layover)).toEqual([]);

    await pullAll(layover);
    await expectStored(layover, everything);
    await layover.kill('SIGTERM');
    expect((await evict()).code).toBe(0);
    expect(await directoriesOf(layover)).toEqual([]);
    await layover.restart();
    expect(await catalogOf(layover)).toEqual([]);
  });

  it('is whole for whoever pulls it while it is evicted, again and again', async () => {
    await using layover = await startExpiringCache(hub());
    let isOver = false;
    let evicted = 0;
    const evicting = (async () => {
      while (!isOver) {
        if ((await cacheCommand(layover, 'cache', 'evict', 'docker.io/library/app:latest')).code === 0) evicted += 1;
      }
    })();
    while (evicted < 5) await Promise.all([pullAll(layover), pullAll(layover)]);
    isOver = true;
    await evicting;
    await pullAll(layover);
    await expectStored(layover, everything);
    expect(await catalogOf(layover)).toEqual(['docker.io/library/app']);
  });
});

describe('a repository of which a collection leaves nothing', () => {
  const storage = { delete: { enabled: true } };
  const first = imageOf('first', [layer('shared'), layer('first')]);

  it('is not in the catalog any more, nor one that was emptied before', async () => {
    await using layover = await Layover.start({ config: { storage } });
    const pusher = new Pusher(layover.url);
    for (const repository of ['team/app', 'team/app/below', 'other']) await pusher.image(repository, first, '1');
    await pusher.delete('team/app', first.digest);
    expect(await catalogOf(layover)).toEqual(['other', 'team/app', 'team/app/below']);
    const collect = () => runLayover(['garbage-collect', '--grace', '0s', layover.configFile]);
    expect(await collect()).toMatchObject({ code: 0 });
    expect(await catalogOf(layover)).toEqual(['other', 'team/app/below']);
    await pusher.expectWhole('team/app/below', first, '1');

    await pusher.delete('team/app/below', first.digest);
    await pusher.delete('other', first.digest);
    expect(await collect()).toMatchObject({ code: 0 });
    expect(await catalogOf(layover)).toEqual([]);
    expect(await directoriesOf(layover)).toEqual([]);
  });

  it('loses nothing of what is pushed at that moment', async () => {
    const garbagecollection = { enabled: true, interval: '200ms', grace: '1s', deleteuntagged: true };
    await using layover = await Layover.start({
      config: { storage: { ...storage, maintenance: { garbagecollection } } },
    });
    const pusher = new Pusher(layover.url);
    const names = ['race/a', 'race/a/b', 'race/c'];
    await Promise.all(names.map((repository) => pushAndDelete(pusher, repository, 6_000)));
    expect(layover.output.match(/garbage removed/g)?.length).toBeGreaterThan(1);
    for (const repository of names) await pusher.expectWhole(repository, first, 'last');
    expect(await catalogOf(layover)).toEqual(names);
    await expectNothingBroken(layover);
  });

  /** Its image is there after each push, and the repository empty after each delete. What was refused is tried again. */
  async function pushAndDelete(pusher: Pusher, repository: string, ms: number): Promise<void> {
    const end = Date.now() + ms;
    while (Date.now() < end) {
      const isPushed = await pushed(pusher, repository, 'turn');
      if (!isPushed) continue;
      await pusher.expectWhole(repository, first, 'turn');
      await pusher.delete(repository, first.digest);
    }
    await expect.poll(() => pushed(pusher, repository, 'last'), SOON).toBe(true);
  }

  async function pushed(pusher: Pusher, repository: string, tag: string): Promise<boolean> {
    try {
      await pusher.image(repository, first, tag);
      return true;
    } catch (err) {
      // Being collected, or a layer that was pushed is collected already: the machine is slower than the grace.
      if (err instanceof PushError && [400, 404, 503].includes(err.status)) return false;
      throw err;
    }
  }
});
