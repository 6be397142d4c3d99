import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { createContentStore } from '../../src/content/content-store.ts';
import { revisionLinkPath, tagIndexLinkPath, tagLinkPath } from '../../src/content/paths.ts';
import { digestOf } from '../../src/oci/digest.ts';
import { createFaultyDriver, sharedS3, versitygw } from './s3-scene.ts';

const digest = digestOf(Buffer.from('x'));
const server = sharedS3();

/** Objects are files of the server, which is faster than to put them. */
async function writeObjects(root: string | undefined, paths: readonly string[]) {
  for (const path of paths) {
    const file = join(server().bucketDirectory, root ?? '', path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, digest);
  }
}

describe.skipIf(versitygw === undefined)('a page of a long list in an object store', () => {
  it.each([200, 2_000])('of %i tags takes a few requests to list it', async (count) => {
    await using made = await createFaultyDriver(server());
    const tags = Array.from({ length: count }, (_, i) => `v${String(i).padStart(5, '0')}`);
    const paths = tags.flatMap((tag) => [tagIndexLinkPath('many', tag, digest), tagLinkPath('many', tag)]);
    await writeObjects(made.config.rootDirectory, paths);
    const store = createContentStore({ driver: made.driver, onDamage: () => {} });
    for (const at of [0, count / 2, count - 21]) {
      made.proxy.requests.length = 0;
      const page = await store.tags.list('many', { n: 20, ...(at > 0 && { last: tags[at - 1] as string }) });
      expect(page?.entries).toEqual(tags.slice(at, at + 20));
      expect(page?.next).toEqual({ n: 20, last: tags[at + 19] });
      const seen = made.proxy.requests.map(({ operation }) => operation);
      expect(seen.filter((operation) => operation === 'list')).toHaveLength(1);
      expect(seen.length).toBeLessThan(30);
    }
  });

  it.each([200, 2_000])('of %i repositories takes as many requests as it has entries', async (count) => {
    await using made = await createFaultyDriver(server());
    const names = Array.from({ length: count }, (_, i) => `app${String(i).padStart(5, '0')}`);
    await writeObjects(
      made.config.rootDirectory,
      names.map((name) => revisionLinkPath(name, digest)),
    );
    const store = createContentStore({ driver: made.driver, onDamage: () => {} });
    made.proxy.requests.length = 0;
    const last = names[count / 2] as string;
    const page = await store.repositories.list({ n: 5, last });
    expect(page.entries).toEqual(names.slice(count / 2 + 1, count / 2 + 6));
    expect(made.proxy.requests.length).toBeLessThan(12);
  });
});
