import { readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';

import { LmdbPulls } from '../../src/audit/lmdb-pulls.ts';
import { openPulls } from '../../src/audit/open-pulls.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { batchOf, describePullStore, pullsUntil } from './pull-store-contract.ts';

describePullStore('the record in files', async () => {
  const directory = await temporaryDirectory();
  const store = await LmdbPulls.open({ directory: join(directory.path, 'pulls') });
  return {
    store,
    async [Symbol.asyncDispose]() {
      await store.close();
      await directory[Symbol.asyncDispose]();
    },
  };
});

it('the file does not grow beyond its limit for long', async () => {
  await using directory = await temporaryDirectory();
  const store = await LmdbPulls.open({ directory: directory.path });
  for (let i = 0; i < 20; i++) {
    await store.append(batchOf(pullsUntil(Date.now(), 2_000)));
    await store.trim({ now: Date.now(), keepMs: 3_600_000, maxBytes: 1024 * 1024 });
  }
  const { size } = await stat(join(directory.path, 'pulls.mdb'));
  expect(size).toBeLessThan(3 * 1024 * 1024);
  await store.close();
});

it.each([
  ['is not one', (file: string) => writeFile(file, Buffer.alloc(100_000, 'garbage'))],
  ['is cut off', (file: string) => truncate(file, 20_000)],
])('a record is moved aside when it %s, byte for byte', async (_how, damage) => {
  await using directory = await temporaryDirectory();
  const path = join(directory.path, 'pulls');
  const before = await LmdbPulls.open({ directory: path });
  await before.append(batchOf(pullsUntil(Date.now(), 500)));
  await before.close();
  await damage(join(path, 'pulls.mdb'));
  const damaged = await readFile(join(path, 'pulls.mdb'));

  const reported: { reason: string; movedTo: string }[] = [];
  const store = await openPulls({ directory: path, onDamaged: (event) => void reported.push(event) });
  expect(await store.read({ limit: 10 })).toEqual([]);
  await store.append(batchOf(pullsUntil(Date.now(), 3)));
  expect(await store.read({ limit: 10 })).toHaveLength(3);
  await store.close();
  expect(reported).toHaveLength(1);
  expect(await readFile(join(reported[0]?.movedTo ?? '', 'pulls.mdb'))).toEqual(damaged);
});

it('a record of another version is skipped', async () => {
  await using directory = await temporaryDirectory();
  const { open } = await import('lmdb');
  const root = open({ path: join(directory.path, 'pulls.mdb'), noSubdir: true, maxDbs: 4 });
  await root.openDB({ name: 'pulls' }).put([Date.now(), 1], [99, 'of the future']);
  await root.close();
  const store = await LmdbPulls.open({ directory: directory.path });
  expect(await store.read({ limit: 10 })).toMatchObject([{ record: undefined }]);
  await store.close();
});
