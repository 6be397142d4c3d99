import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';

import { StagedFileHeldError } from '../../../src/storage/staging.ts';
import { readAll } from '../../../src/testing/read-source.ts';
import { appendAndKeep, holding } from '../../../src/testing/staging-steps.ts';
import { startScene } from './gcs-scene.ts';

const PATH = '/u/1/data';

it('a staged file continues at another process', async () => {
  await using scene = await startScene();
  const [first, second] = [scene.driver, await scene.another()];
  await first.staging.create(PATH);
  const pieces = [700_000, 3, 600_000, 5].map((size) => randomBytes(size));
  for (const [i, piece] of pieces.entries()) await appendAndKeep(i % 2 === 0 ? first : second, PATH, piece);
  expect(await first.staging.size(PATH)).toBe(Buffer.concat(pieces).length);
  await holding(first, PATH, (staged) => staged.publish('/blob'));
  expect((await readAll(await second.open('/blob'))).equals(Buffer.concat(pieces))).toBe(true);
});

it.each([10, 700_000])('of two pieces of %i bytes that are sent at once, one is kept', async (size) => {
  await using scene = await startScene();
  const [first, second] = [scene.driver, await scene.another()];
  await first.staging.create(PATH);
  const [a, b] = [await first.staging.hold(PATH), await second.staging.hold(PATH)];
  const [alpha, beta] = [Buffer.alloc(size, 'a'), Buffer.alloc(size, 'b')];
  await Promise.all([a.write([alpha]), b.write([beta])]);
  const kept = await Promise.allSettled([a.keep(), b.keep()]);
  await Promise.all([a.release(), b.release()]);
  expect(kept.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
  expect(kept.find((each) => each.status === 'rejected')?.reason).toBeInstanceOf(StagedFileHeldError);
  await holding(second, PATH, (staged) => staged.publish('/blob'));
  const bytes = await readAll(await first.open('/blob'));
  expect([alpha, beta].some((expected) => expected.equals(bytes))).toBe(true);
});

it('a piece is kept although the response was lost', async () => {
  await using scene = await startScene();
  await scene.driver.staging.create(PATH);
  scene.fake.fail('put', 'lost');
  await appendAndKeep(scene.driver, PATH, Buffer.from('piece'));
  expect(await scene.driver.staging.size(PATH)).toBe(5);
});

it('more pieces than one request takes are composed in steps', async () => {
  await using scene = await startScene();
  const { driver, fake } = scene;
  fake.pageSize = 1_000;
  await driver.staging.create(PATH);
  const pieces = Array.from({ length: 70 }, (_, i) => Buffer.from(`piece ${i}, `));
  for (const piece of pieces) await appendAndKeep(driver, PATH, piece);
  await holding(driver, PATH, (staged) => staged.publish('/blob'));
  expect(fake.count('compose')).toBe(4);
  expect(String(await readAll(await driver.open('/blob')))).toBe(Buffer.concat(pieces).toString());
  await driver.delete('/u/1');
  expect(fake.objects.names).toEqual(['blob']);
});

it('a piece that is not kept leaves nothing', async () => {
  await using scene = await startScene();
  const { driver, fake } = scene;
  await driver.staging.create(PATH);
  await holding(driver, PATH, (staged) => staged.write([randomBytes(1_200_000)]));
  expect([fake.openUploads, fake.objects.names]).toEqual([0, ['u/1/data']]);
});
