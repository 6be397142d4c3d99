import { stat } from 'node:fs/promises';

import { ImageError } from '../images/image-error.ts';
import { DirectoryFiles, isAbsent, type LayoutFiles } from '../images/layout-files.ts';
import { TarFiles } from '../images/tar-files.ts';

/** The files of a bundle: of a directory, or of a tar file. @throws {ImageError} */
export async function openBundleFiles([path = '']: readonly string[]): Promise<LayoutFiles> {
  const found = await stat(path).catch((err: unknown) => {
    if (isAbsent(err)) throw new ImageError(`${path}: no such file or directory`);
    throw err;
  });
  if (found.isDirectory()) return new DirectoryFiles(path);
  // A device or a pipe would never end.
  if (!found.isFile()) throw new ImageError(`${path}: not a file`);
  return TarFiles.open(path);
}
