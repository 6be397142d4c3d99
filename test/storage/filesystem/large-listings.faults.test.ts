import { mkdir, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';

import { createFilesystemDriver } from '../../../src/storage/filesystem/filesystem.ts';
import { LargeListings } from '../../../src/storage/filesystem/large-listings.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

const NAMES = Array.from({ length: 600 }, (_, i) => String(i));

describe('the names of a large directory', () => {
  it('are read once while it does not change, and again after every change', async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, 'd');
    await mkdir(path);
    const listings = new LargeListings();
    let reads = 0;
    const read = async () => {
      reads++;
      return NAMES;
    };
    const list = () => listings.list(path, read);
    await list();
    await list();
    expect(reads, 'changed recently').toBe(2);
    await delay(2_100);
    for (let i = 0; i < 5; i++) expect(await list()).toEqual(NAMES);
    expect(reads).toBe(3);
    await writeFile(join(path, 'new'), '');
    await utimes(path, new Date(0), new Date(0));
    await list();
    expect(reads).toBe(4);
    await rm(path, { recursive: true });
    await list();
    expect(reads).toBe(5);
  });

  it('are read once for calls at the same time, while it does not change', async () => {
    await using directory = await temporaryDirectory();
    await delay(2_100);
    const { listings, readings, read } = slowReads();
    const first = Array.from({ length: 5 }, () => listings.list(directory.path, read));
    await expect.poll(() => readings.length).toBe(1);
    readings[0]?.(NAMES);
    for (const names of await Promise.all(first)) expect(names).toEqual(NAMES);
    expect(readings).toHaveLength(1);
  });

  it('are read again for the calls after a change, which the first reading may have missed, and not once for each', async () => {
    await using directory = await temporaryDirectory();
    const { listings, readings, read } = slowReads();
    const first = listings.list(directory.path, read);
    await expect.poll(() => readings.length).toBe(1);
    await writeFile(join(directory.path, 'new'), '');
    let left = 10;
    const later = Array.from({ length: left }, () => listings.list(directory.path, read).finally(() => left--));
    readings[0]?.(NAMES);
    expect(await first).toEqual(NAMES);
    await expect.poll(() => (readings.at(-1)?.([...NAMES, 'new']), left)).toBe(0);
    for (const names of await Promise.all(later)) expect(names).toEqual([...NAMES, 'new']);
    // Two when calls looked at the directory when the first reading had ended.
    expect(readings.length - 1).toBeLessThanOrEqual(2);
  });

  it('fail for the calls that share a reading, and not for later ones', async () => {
    await using directory = await temporaryDirectory();
    const listings = new LargeListings();
    const failing = listings.list(directory.path, () => Promise.reject(new Error('broken')));
    const later = listings.list(directory.path, async () => NAMES);
    await expect(failing).rejects.toThrow('broken');
    expect(await later).toEqual(NAMES);
  });
});

describe('a large directory', () => {
  it('is listed in order, a part of it in each turn of the event loop', async () => {
    await using directory = await temporaryDirectory();
    const names = Array.from({ length: 9_000 }, (_, i) => `tag-${(i * 7_919) % 9_000}`);
    for (const name of names) await writeFile(join(directory.path, name), '');
    const driver = await createFilesystemDriver({ rootDirectory: directory.path });
    let turns = 0;
    const count = () => {
      turns++;
      counting = setImmediate(count);
    };
    let counting = setImmediate(count);
    const listed = await driver.list('/');
    clearImmediate(counting);
    expect(listed).toEqual([...names, 'layover'].sort());
    expect(turns).toBeGreaterThan(8);
    await driver.close();
  });
});

/** Readings that end when the test lets them. */
function slowReads() {
  const readings: ((names: string[]) => void)[] = [];
  const read = () => new Promise<string[]>((resolve) => void readings.push(resolve));
  return { listings: new LargeListings(), readings, read };
}
