import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { createContentStore } from '../../src/content/content-store.ts';
import type { Damage } from '../../src/content/damage.ts';
import { createFilesystemDriver, type FilesystemDriverOptions } from '../../src/storage/filesystem/filesystem.ts';
import { BufferPool } from '../../src/stream/buffer-pool.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import type { Bytes, Fixture } from './image-fixture.ts';

type ContentOptions = Pick<FilesystemDriverOptions, 'durability'>;

/** A content store over the filesystem driver, on a directory that the caller removes. */
export async function openContent(rootDirectory: string, options: ContentOptions = {}) {
  const driver = await createFilesystemDriver({ rootDirectory, buffers: new BufferPool(), ...options });
  const damages: Damage[] = [];
  const store = createContentStore({ driver, onDamage: (damage) => damages.push(damage) });
  return { store, driver, damages, root: rootDirectory };
}

/** The same on a temporary directory. */
export async function createContent(options: ContentOptions = {}) {
  const directory = await temporaryDirectory();
  const content = await openContent(directory.path, options);
  return {
    ...content,
    async [Symbol.asyncDispose]() {
      await content.driver.close();
      await directory[Symbol.asyncDispose]();
    },
  };
}

type Content = Awaited<ReturnType<typeof openContent>>;

/** Commits a local file, like a fill. */
export async function commitBytes({ store, driver }: Content, repository: string, { digest, bytes }: Bytes) {
  const localFile = join(driver.spoolDirectory as string, randomUUID());
  await writeFile(localFile, bytes);
  await store.blobs.commit(repository, digest, localFile);
}

export async function writeFixture(content: Content, repository: string, { blobs, manifests }: Fixture) {
  for (const blob of blobs) await commitBytes(content, repository, blob);
  for (const { digest, bytes, tag } of manifests) {
    await content.store.manifests.put(repository, digest, bytes);
    if (tag !== undefined) await content.store.tags.put(repository, tag, digest);
  }
}
