import { mkdir, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';

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
});
