import { stat } from 'node:fs/promises';

import { ImageError } from '../images/image-error.ts';
import { isAbsent } from '../images/layout-files.ts';
import { blobPath } from '../images/layout-source.ts';
import { TarFiles } from '../images/tar-files.ts';
import { TAR_END_BYTES } from '../images/tar-header.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { tarFileBytes } from './cut-volumes.ts';
import { SUMS_PATH } from './paths.ts';

export interface VolumeContent {
  readonly metadata: ReadonlyMap<string, Buffer>;
  readonly blobs: readonly Descriptor[];
}

/** Whether an earlier run wrote this volume. @throws {ImageError} when it is the volume of another bundle */
export async function isComplete(path: string, { metadata, blobs }: VolumeContent): Promise<boolean> {
  const found = await stat(path).catch((err: unknown) => {
    if (!isAbsent(err)) throw err;
  });
  if (!found) return false;
  const files = [...metadata].map(([name, { length }]) => [name, length] as const);
  const all = [...files, ...blobs.map(({ digest, size }) => [blobPath(digest), size] as const)];
  const size = all.reduce((sum, [name, length]) => sum + tarFileBytes(name, length), TAR_END_BYTES);
  const expected = metadata.get(SUMS_PATH);
  if (found.size === size && expected?.equals(await readSumsAt(path, expected.length))) return true;
  throw new ImageError(`${path}: already exists (remove it or choose another file)`);
}

async function readSumsAt(path: string, limit: number): Promise<Buffer> {
  const files = await TarFiles.open(path);
  try {
    return (await files.size(SUMS_PATH)) === limit ? await files.read(SUMS_PATH, limit) : Buffer.alloc(0);
  } finally {
    await files.close();
  }
}
