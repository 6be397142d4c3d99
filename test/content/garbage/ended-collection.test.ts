import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';

import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { imageOf, layer, openReplica, type Replica } from './content-model.ts';
import { interceptWrites } from './intercepted-writes.ts';

/** Longer than a process relies on having seen no collection. Milliseconds. */
const NOTICED_MS = 100;

/** Runs `work` once, before the replica writes the first file whose path matches. */
function beforeWriting(replica: Replica, path: RegExp, work: () => Promise<unknown>): void {
  let isDone = false;
  interceptWrites(replica, async (written, write) => {
    const isFirst = !isDone && path.test(written);
    isDone ||= isFirst;
    if (isFirst) await work();
    await write();
  });
}

it('a mount fails when a collection of another process has removed the bytes, and ended, before it is confirmed', async () => {
  await using directory = await temporaryDirectory();
  const pushing = await openReplica(directory.path);
  const collecting = await openReplica(directory.path);
  const blob = layer('old');
  await pushing.pushBlob('a', blob);
  await delay(NOTICED_MS);
  beforeWriting(pushing, /repositories\/b\/_layers/, () => collecting.collect());
  await expect(pushing.mount('b', blob.digest, ['a'])).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  expect(await pushing.store.blobs.stat('b', blob.digest)).toBeUndefined();
  await pushing.pushBlob('b', blob);
  expect(await pushing.store.blobs.stat('b', blob.digest)).toBe(blob.bytes.length);
});

it('a manifest is refused when a collection of another process has removed its parts, and ended, before it is confirmed', async () => {
  await using directory = await temporaryDirectory();
  const pushing = await openReplica(directory.path);
  const collecting = await openReplica(directory.path);
  const image = imageOf('ended', [layer('part')]);
  for (const blob of image.blobs) await pushing.pushBlob('a', blob);
  await delay(NOTICED_MS);
  beforeWriting(pushing, /_manifests\/revisions/, () => collecting.collect());
  await expect(pushing.pushManifest('a', image, 'latest')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  expect(await pushing.store.manifests.find('a', image.digest)).toBeUndefined();
  expect(await pushing.store.tags.find('a', 'latest')).toBeUndefined();
});
