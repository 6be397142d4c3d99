import { expect, it } from 'vitest';

import { startScene } from './azure-scene.ts';

it.each(['head', 'delete'] as const)('an append blob is replaced although another process did: at %s', async (at) => {
  await using scene = await startScene();
  const { driver, fake } = scene;
  fake.store('f', Buffer.from('appended'), { isAppendBlob: true });
  fake.fail(at, 'lost');
  if (at === 'head') fake.onDone = (operation) => void (operation === 'head' && fake.blobs.delete('f'));
  await driver.writeSmall('/f', Buffer.from('new'));
  expect(String(await driver.readSmall('/f', 10))).toBe('new');
});

it('an append blob is not deleted when another writer has replaced it', async () => {
  await using scene = await startScene();
  const { driver, fake } = scene;
  fake.store('f', Buffer.from('appended'), { isAppendBlob: true });
  fake.onDone = (operation) => void (operation === 'head' && fake.store('f', Buffer.from('theirs')));
  await driver.writeSmall('/f', Buffer.from('new'));
  expect(String(await driver.readSmall('/f', 10))).toBe('new');
  expect(fake.count('delete')).toBe(1);
});
