import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { expectNothingBroken, expectStored } from '../integration/stored-data.ts';
import { sharedHub } from '../integration/scene.ts';
import { writeDistributionLayout } from '../support/distribution-layout.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { Images } from '../support/images.ts';
import { type ConfigObject, dockerHubUpstream, Layover } from '../support/layover.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { cacheCommand } from './command.ts';
import { storedOf } from './expiring-cache.ts';

const images = new Images();
const cached = images.addImage('library/app', '1', { layers: [40_000] });
const pushed = images.addImage('team/app', '1', { layers: [50_000] });
const digestsOf = ({ digest, config, layers }: typeof cached) => [digest, config, ...layers];

const hub = sharedHub(new Images());
const NOT_LISTED = /repositories pinned that are not in distribution's expiry list/;
const NOT_SERVED = /stored repositories are not served and never expire/;

type Listed = 'cached' | 'damaged' | 'none';

/** A directory in which one image was cached and the other was pushed, with distribution's expiry list. */
async function mixed(listed: Listed) {
  const directory = await temporaryDirectory();
  const dataDirectory = join(directory.path, 'data');
  await mkdir(dataDirectory);
  await writeDistributionLayout(dataDirectory, images);
  if (listed !== 'none') {
    const entries = digestsOf(cached).map((digest, i): [string, object] => [
      `library/app@${digest}`,
      { Key: `library/app@${digest}`, EntryType: i === 0 ? 1 : 0, ExpiryData: '2026-11-01T00:00:00Z' },
    ]);
    const state = listed === 'cached' ? JSON.stringify(Object.fromEntries(entries)) : '{';
    await writeFile(join(dataDirectory, 'scheduler-state.json'), state);
  }
  return { dataDirectory, [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose]() };
}

function withUpstream(more: ConfigObject, proxy: ConfigObject = {}): ConfigObject {
  const ghcr = { name: 'ghcr.io', remoteurl: hub().url };
  return { proxy: { ttl: '1s', upstreams: [{ ...dockerHubUpstream(hub()), default: true, ...more }, ghcr], ...proxy } };
}

async function expectCachedToExpire(layover: Layover, clock: FakeClock): Promise<void> {
  const left = async () => {
    await clock.advance(500);
    return storedOf(layover, digestsOf(cached));
  };
  await expect.poll(left).toEqual([]);
}

async function pinsOf(layover: Layover): Promise<unknown> {
  return JSON.parse((await cacheCommand(layover, 'cache', 'pins', '--json')).stdout);
}

describe('a directory in which some repositories were pushed and others cached', () => {
  it("loses only those of distribution's expiry list to the TTL of an upstream without a prefix", async () => {
    await using seed = await mixed('cached');
    const clock = new FakeClock();
    await using layover = await Layover.start({ ...seed, config: withUpstream({ storeprefix: '' }), clock });
    const [line] = await layover.waitForOutput(/.*pinned that are not in distribution's expiry list.*/);
    expect(line).toContain('examples=team/app');
    expect(await pinsOf(layover)).toMatchObject({ pins: [{ pattern: 'team/app', from: 'command' }] });
    await expectCachedToExpire(layover, clock);
    await expectStored(layover, digestsOf(pushed));
    await expectNothingBroken(layover);
  });

  it('keeps both when it is opened with prefixes first, and then without', async () => {
    await using seed = await mixed('cached');
    const clock = new FakeClock();
    await using layover = await Layover.start({ ...seed, config: withUpstream({}), clock });
    const [line] = await layover.waitForOutput(/.*stored repositories are not served and never expire.*/);
    expect(line).toContain('examples=team/app');
    expect(line).toContain('add pushed ones to proxy.hosted');
    await layover.waitForOutput(/index rebuilt/);
    for (let i = 0; i < 10; i++) await clock.advance(1_000);
    await expectStored(layover, [...digestsOf(cached), ...digestsOf(pushed)]);

    await layover.restart(withUpstream({ storeprefix: '' }));
    await layover.waitForOutput(NOT_LISTED);
    await expectCachedToExpire(layover, clock);
    await expectStored(layover, digestsOf(pushed));
  });

  it('keeps the pins of a directory that it opened before, and sets no new ones', async () => {
    await using seed = await mixed('cached');
    await using layover = await Layover.start({ ...seed, config: withUpstream({ storeprefix: '' }, { ttl: '1h' }) });
    await layover.waitForOutput(NOT_LISTED);
    await cacheCommand(layover, 'cache', 'unpin', 'team/app');
    await layover.restart();
    await layover.waitForOutput(/listening|found a cache written by distribution/);
    expect(await pinsOf(layover)).toMatchObject({ pins: [] });
    expect(layover.output).not.toMatch(NOT_LISTED);
  });

  it('has no pins for names that proxy.hosted lists, and no warning', async () => {
    await using seed = await mixed('cached');
    const clock = new FakeClock();
    const config = withUpstream({ storeprefix: '' }, { hosted: ['team/*'] });
    await using layover = await Layover.start({ ...seed, config, clock });
    await layover.waitForOutput(/index rebuilt/);
    await expectCachedToExpire(layover, clock);
    await expectStored(layover, digestsOf(pushed));
    expect(layover.output).not.toMatch(NOT_LISTED);
    expect(layover.output).not.toMatch(NOT_SERVED);
    expect(await pinsOf(layover)).toMatchObject({ pins: [] });
  });

  it('is kept whole without a list, as a plain registry that becomes a cache', async () => {
    await using seed = await mixed('none');
    const clock = new FakeClock();
    await using layover = await Layover.start({ ...seed, config: withUpstream({ storeprefix: '' }), clock });
    await layover.waitForOutput(NOT_LISTED);
    for (let i = 0; i < 10; i++) await clock.advance(1_000);
    await expectStored(layover, [...digestsOf(cached), ...digestsOf(pushed)]);
    await cacheCommand(layover, 'cache', 'unpin', 'library/**');
    expect(await pinsOf(layover)).toMatchObject({ pins: [{ pattern: 'team/app' }] });
    await expectCachedToExpire(layover, clock);
    await expectStored(layover, digestsOf(pushed));
  });

  it('expires whole with a damaged list, after a warning', async () => {
    await using seed = await mixed('damaged');
    const clock = new FakeClock();
    await using layover = await Layover.start({ ...seed, config: withUpstream({ storeprefix: '' }), clock });
    await layover.waitForOutput(/pushed repositories expire like it unless proxy.hosted lists them/);
    await expectCachedToExpire(layover, clock);
    expect(layover.output).not.toMatch(NOT_LISTED);
  });
});
