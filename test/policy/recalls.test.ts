import { describe, expect, it } from 'vitest';

import { digestOf } from '../../src/oci/digest.ts';
import { Denials } from '../../src/policy/denials.ts';
import { RecalledDigests } from '../../src/policy/recalled-digests.ts';
import { type RecallChannel, Recalls } from '../../src/policy/recalls.ts';
import { PathNotFoundError, type StorageDriver } from '../../src/storage/driver.ts';
import { createInmemoryDriver } from '../../src/storage/inmemory/inmemory.ts';
import { FakeClock } from '../support/fake-clock.ts';

const one = digestOf(Buffer.from('one'));
const two = digestOf(Buffer.from('two'));

/** The recalls of one process. */
async function start(driver: StorageDriver, channel?: RecallChannel) {
  const denials = new Denials();
  const clock = new FakeClock();
  const events: string[] = [];
  const recalls = new Recalls({
    denials,
    recalled: new RecalledDigests(driver),
    onChanged: async () => void events.push('changed'),
    channel,
    events: {
      recalled: () => {},
      lifted: () => {},
      unreadable: (error) => void events.push(String(error)),
    },
    clock,
  });
  await recalls.start();
  return { recalls, clock, events, isDenied: (digest: typeof one) => denials.ofDigest('a', digest) !== undefined };
}

/** Calls the listeners of all. */
class Channel implements RecallChannel {
  readonly #listeners: (() => Promise<boolean>)[] = [];
  announce = async () => (await Promise.all(this.#listeners.map((listener) => listener()))).every(Boolean);
  listen = (listener: () => Promise<boolean>) => void this.#listeners.push(listener);
}

describe('recalls', () => {
  it('deny at once, on all replicas that are told, and after a restart', async () => {
    const driver = createInmemoryDriver();
    const channel = new Channel();
    const first = await start(driver, channel);
    const second = await start(driver, channel);
    const denied = await first.recalls.recall({ digests: [one, two], reason: 'CVE-1' });
    expect(denied.digests).toEqual([
      { digest: two, origin: 'recall', reason: 'CVE-1', recalledAt: first.clock.now() },
      { digest: one, origin: 'recall', reason: 'CVE-1', recalledAt: first.clock.now() },
    ]);
    expect([first.isDenied(one), first.events]).toEqual([true, ['changed']]);
    await expect.poll(() => second.isDenied(two)).toBe(true);

    await second.recalls.lift([two]);
    await expect.poll(() => first.isDenied(two)).toBe(false);
    const third = await start(driver);
    expect([third.isDenied(one), third.isDenied(two)]).toEqual([true, false]);
  });

  it('are not everywhere when a replica cannot read them, or has ended', async () => {
    const driver = createInmemoryDriver();
    const channel = new Channel();
    let isAway = false;
    const partly: StorageDriver = Object.assign(Object.create(driver) as StorageDriver, {
      list: (path: string) => (isAway ? Promise.reject(new Error('no route to host')) : driver.list(path)),
      readSmall: (path: string, maxBytes: number) => driver.readSmall(path, maxBytes),
    });
    const first = await start(driver, channel);
    const second = await start(partly, channel);
    expect(await first.recalls.recall({ digests: [one] })).toMatchObject({ isEverywhere: true });
    isAway = true;
    expect(await first.recalls.recall({ digests: [two] })).toMatchObject({ isEverywhere: false });
    expect(second.isDenied(two)).toBe(false);
    await second.recalls.close();
    expect(await channel.announce()).toBe(false);
    expect(second.events).toEqual(['changed', 'Error: no route to host']);
  });

  it('reach a replica without Redis a little later', async () => {
    const driver = createInmemoryDriver();
    const [first, second] = [await start(driver), await start(driver)];
    await first.recalls.recall({ digests: [one] });
    expect(second.isDenied(one)).toBe(false);
    await second.clock.advance(30_000);
    await expect.poll(() => second.isDenied(one)).toBe(true);
  });

  it('that are made at the same time by two replicas are both kept', async () => {
    const driver = createInmemoryDriver();
    const [first, second] = [await start(driver), await start(driver)];
    await Promise.all([first.recalls.recall({ digests: [one] }), second.recalls.recall({ digests: [two] })]);
    const third = await start(driver);
    expect([third.isDenied(one), third.isDenied(two)]).toEqual([true, true]);
  });

  it('refuse what is not a digest, and change nothing then', async () => {
    const { recalls, isDenied } = await start(createInmemoryDriver());
    const wrong = { reason: 'invalid', message: '"latest" is not a digest, such as sha256:…' };
    await expect(recalls.recall({ digests: [one, 'latest'] })).rejects.toMatchObject(wrong);
    expect(isDenied(one)).toBe(false);
    await recalls.recall({ digests: [one] });
    const unknown = { reason: 'not-found', message: `${two} is not recalled` };
    await expect(recalls.lift([one, two])).rejects.toMatchObject(unknown);
    expect(isDenied(one)).toBe(true);
  });

  it('stay in force when their record is damaged', async () => {
    const driver = createInmemoryDriver();
    await driver.writeSmall(`/layover/recalled/${one}`, Buffer.from('{"reason":'));
    await driver.writeSmall(`/layover/recalled/not-a-digest`, Buffer.from('{}'));
    const { recalls, isDenied } = await start(driver);
    expect(isDenied(one)).toBe(true);
    expect((await recalls.denied()).digests).toEqual([{ digest: one, origin: 'recall', recalledAt: undefined }]);
  });

  it('stay in force when one record cannot be read, or was lifted meanwhile', async () => {
    const driver = createInmemoryDriver();
    const { recalls } = await start(driver);
    await recalls.recall({ digests: [one], reason: 'CVE-1' });
    await driver.writeSmall(`/layover/recalled/${two}`, Buffer.alloc(100_000));
    const restarted = await start(driver);
    expect([restarted.isDenied(one), restarted.isDenied(two)]).toEqual([true, true]);
    const three = digestOf(Buffer.from('three'));
    await restarted.recalls.recall({ digests: [three] });
    expect(restarted.isDenied(three)).toBe(true);
    const away: StorageDriver = Object.assign(Object.create(driver) as StorageDriver, {
      list: (path: string) => driver.list(path),
      readSmall: (path: string) => Promise.reject(new PathNotFoundError('inmemory', path)),
    });
    expect((await (await start(away)).recalls.denied()).digests).toEqual([]);
  });

  it('apply when the storage can be written and not listed', async () => {
    const driver = createInmemoryDriver();
    let isAway = false;
    const partly: StorageDriver = Object.assign(Object.create(driver) as StorageDriver, {
      list: (path: string) => (isAway ? Promise.reject(new Error('no route to host')) : driver.list(path)),
      writeSmall: (path: string, bytes: Uint8Array) => driver.writeSmall(path, bytes),
    });
    const { recalls, isDenied } = await start(partly);
    isAway = true;
    await recalls.recall({ digests: [one] });
    expect(isDenied(one)).toBe(true);
  });

  it('keep their reason and time when they are repeated without one', async () => {
    const { recalls, clock } = await start(createInmemoryDriver());
    await recalls.recall({ digests: [one], reason: 'CVE-1' });
    const recalledAt = clock.now();
    await clock.advance(1_000);
    expect((await recalls.recall({ digests: [one] })).digests).toMatchObject([{ reason: 'CVE-1', recalledAt }]);
    expect((await recalls.recall({ digests: [one], reason: 'CVE-2' })).digests).toMatchObject([{ reason: 'CVE-2' }]);
  });

  it('are read again until the storage can be read', async () => {
    const driver = createInmemoryDriver();
    await driver.writeSmall(`/layover/recalled/${one}`, Buffer.from('{}'));
    let isAway = true;
    const away: StorageDriver = Object.assign(Object.create(driver) as StorageDriver, {
      list: (path: string) => (isAway ? Promise.reject(new Error('no route to host')) : driver.list(path)),
      readSmall: (path: string, maxBytes: number) => driver.readSmall(path, maxBytes),
    });
    const { clock, events, isDenied } = await start(away);
    expect(events).toEqual(['Error: no route to host']);
    isAway = false;
    await clock.advance(2_000);
    await expect.poll(() => isDenied(one)).toBe(true);
  });

  it('report a storage that cannot be written', async () => {
    const driver = createInmemoryDriver();
    const full: StorageDriver = Object.assign(Object.create(driver) as StorageDriver, {
      list: (path: string) => driver.list(path),
      writeSmall: () => Promise.reject(new Error('no space')),
    });
    const { recalls, isDenied } = await start(full);
    const failure = { reason: 'unavailable', message: 'the storage cannot be written: no space' };
    await expect(recalls.recall({ digests: [one] })).rejects.toMatchObject(failure);
    expect(isDenied(one)).toBe(false);
  });
});
