import { expect, it } from 'vitest';

import { copyImage } from '../../src/library/images.ts';
import { hosted } from '../../src/library/registry.ts';
import type { Registry } from '../../src/registry/registry.ts';
import { createInmemoryDriver } from '../../src/storage/inmemory/inmemory.ts';
import { pushSmallImage } from './small-image.ts';

const tagsOf = async (registry: Registry, name: string) => (await registry.listTags(name, {})).entries;

it('copies between registries in the same process, by the names that were given', async () => {
  const from = hosted({ storage: createInmemoryDriver() });
  const to = hosted({ storage: createInmemoryDriver() });
  const { digest } = await pushSmallImage(from, 'team/app', '1');
  const { root } = await copyImage({ registry: from, name: 'team/app:1' }, { registry: to, name: 'mirror/app:2' });
  expect(root.digest).toBe(digest);
  expect((await to.listRepositories({})).entries).toEqual(['mirror/app']);
  expect(await tagsOf(to, 'mirror/app')).toEqual(['2']);
  await Promise.all([from.close(), to.close()]);
});

it('copies within a registry without reading blobs', async () => {
  const registry = hosted({ storage: createInmemoryDriver() });
  await pushSmallImage(registry, 'team/app', '1');
  const how: string[] = [];
  const events = { blobDone: (_blob: unknown, done: string) => how.push(done) };
  await copyImage({ registry, name: 'team/app:1' }, { registry, name: 'team/copy' }, { events });
  expect(new Set(how)).toEqual(new Set(['mounted']));
  expect(await tagsOf(registry, 'team/copy')).toEqual(['latest']);
  await registry.close();
});
