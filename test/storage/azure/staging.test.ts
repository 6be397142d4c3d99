import { expect, it } from 'vitest';

import { uploadDirectory } from '../../../src/content/paths.ts';
import { purgeUploads } from '../../../src/content/upload-purge.ts';
import { PathNotFoundError } from '../../../src/storage/driver.ts';
import { StagedFileHeldError } from '../../../src/storage/staging.ts';
import { appendAndKeep } from '../../../src/testing/staging-steps.ts';
import { startScene } from './azure-scene.ts';

const PATH = '/u/1/data';

it('a piece is kept although the response was lost', async () => {
  await using scene = await startScene();
  const { driver, fake } = scene;
  await driver.staging.create(PATH);
  fake.fail('block-list', 'lost');
  await appendAndKeep(driver, PATH, Buffer.from('piece, '));
  expect(fake.count('block-list')).toBe(2);
  await appendAndKeep(driver, PATH, Buffer.from('next'));
  expect(await driver.staging.size(PATH)).toBe(11);
  expect(fake.names).toEqual(['u/1/data', 'u/1/pieces/00000000', 'u/1/pieces/00000001']);
});

it("another process' piece is not taken for this one, although its bytes are equal", async () => {
  await using scene = await startScene();
  const [first, second] = [scene.driver, scene.another()];
  await first.staging.create(PATH);
  const [a, b] = [await first.staging.hold(PATH), await second.staging.hold(PATH)];
  await a.write([Buffer.from('piece')]);
  await b.write([Buffer.from('piece')]);
  // Both have checked the pieces before either of them is finished.
  scene.fake.fail('block-list', { status: 503, code: 'ServerBusy', retryAfter: '0' }, 2);
  const kept = await Promise.allSettled([a.keep(), b.keep()]);
  await Promise.all([a.release(), b.release()]);
  expect(kept.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
  expect(kept.find((each) => each.status === 'rejected')?.reason).toBeInstanceOf(StagedFileHeldError);
  expect(await second.staging.size(PATH)).toBe(5);
});

it('a piece of an upload that was deleted meanwhile is removed when uploads are purged', async () => {
  await using scene = await startScene();
  const { driver, fake } = scene;
  const path = `${uploadDirectory('app', 'id')}/data`;
  await driver.staging.create(path);
  fake.onDone = (operation) => void (operation === 'block' && fake.blobs.delete(path.slice(1)));
  await appendAndKeep(driver, path, Buffer.from('piece'));
  expect(fake.names).toHaveLength(1);
  await expect(driver.staging.size(path)).rejects.toThrow(PathNotFoundError);
  expect(await purgeUploads(driver, { before: Date.now() + 1_000, dryRun: false })).toBe(1);
  expect(fake.names).toEqual([]);
});
