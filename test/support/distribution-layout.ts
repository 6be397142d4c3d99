import { createWriteStream } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import { type Digest, digestAlgorithm, digestHex } from '../../src/oci/digest.ts';
import type { Content } from './content.ts';
import { bytesContent } from './content.ts';
import type { Images } from './images.ts';

const V2 = 'docker/registry/v2';

/** `sha256:ab12…` → `sha256/ab12…` */
const algorithmAndHex = (digest: Digest) => join(digestAlgorithm(digest), digestHex(digest));

/** Where distribution keeps a blob's bytes, below its root directory. */
export function blobDataPath(root: string, digest: Digest): string {
  const hex = digestHex(digest);
  return join(root, V2, 'blobs', digestAlgorithm(digest), hex.slice(0, 2), hex, 'data');
}

function repositoryPath(root: string, repository: string): string {
  return join(root, V2, 'repositories', repository);
}

/**
 * Writes everything as distribution's filesystem driver stores it: a registry started on `root` has the images.
 *
 * @see https://github.com/distribution/distribution/blob/v2.8.2/registry/storage/paths.go
 */
export async function writeDistributionLayout(root: string, images: Images): Promise<void> {
  for (const content of images.blobs.values()) await writeBlob(root, content);
  for (const [name, { manifests, blobs, tags }] of images.repositories) {
    const repository = repositoryPath(root, name);
    for (const digest of blobs) await writeLink(join(repository, '_layers', algorithmAndHex(digest)), digest);
    for (const { digest, bytes } of manifests.values()) {
      await writeBlob(root, bytesContent(bytes));
      await writeLink(join(repository, '_manifests/revisions', algorithmAndHex(digest)), digest);
    }
    for (const [tag, digest] of tags) {
      const directory = join(repository, '_manifests/tags', tag);
      await writeLink(join(directory, 'current'), digest);
      await writeLink(join(directory, 'index', algorithmAndHex(digest)), digest);
    }
  }
}

async function writeBlob(root: string, content: Content): Promise<void> {
  const path = blobDataPath(root, content.digest);
  await mkdir(dirname(path), { recursive: true });
  await pipeline(Readable.from(content.read()), createWriteStream(path));
}

async function writeLink(directory: string, digest: Digest): Promise<void> {
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, 'link'), digest);
}
