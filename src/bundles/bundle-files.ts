import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { ImageError } from '../images/image-error.ts';
import { DirectoryFiles, isAbsent, type LayoutFiles } from '../images/layout-files.ts';
import { TarFiles } from '../images/tar-files.ts';
import { JoinedFiles } from './joined-files.ts';

/** `usb.001.tar` */
const VOLUME = /\.\d{3,}\.tar$/;

export interface BundleFiles {
  readonly files: LayoutFiles;
  /** Volumes that cannot be read. */
  readonly problems: readonly string[];
}

/**
 * The files of a bundle in a directory, in a tar file, or in any of its volumes.
 *
 * @param paths a directory may also have volumes
 * @throws {ImageError} when none can be read, or they are of different bundles
 */
export async function openBundleFiles(paths: readonly string[]): Promise<BundleFiles> {
  const parts: LayoutFiles[] = [];
  const problems: string[] = [];
  try {
    for (const path of (await Promise.all(paths.map(volumesIn))).flat()) {
      try {
        parts.push(await openPart(path));
      } catch (err) {
        if (!(err instanceof ImageError)) throw err;
        problems.push(err.message);
      }
    }
    const [only, ...others] = parts;
    if (!only) throw new ImageError(problems.join('; '));
    return { files: others.length === 0 ? only : await JoinedFiles.of([only, ...others]), problems };
  } catch (err) {
    await Promise.all(parts.map((part) => part.close()));
    throw err;
  }
}

async function openPart(path: string): Promise<LayoutFiles> {
  const found = await find(path);
  if (found.isDirectory()) return new DirectoryFiles(path);
  // A device or a pipe would never end.
  if (!found.isFile()) throw new ImageError(`${path}: not a file`);
  return TarFiles.open(path);
}

/** The path itself, or the volumes in a directory that is not a layout. */
async function volumesIn(path: string): Promise<string[]> {
  const found = await stat(path).catch(() => undefined); // reported when it is opened
  if (!found?.isDirectory()) return [path];
  const names = await readdir(path);
  const volumes = names.includes('oci-layout') ? [] : names.filter((name) => VOLUME.test(name)).sort();
  return volumes.length === 0 ? [path] : volumes.map((name) => join(path, name));
}

async function find(path: string) {
  return stat(path).catch((err: unknown) => {
    if (isAbsent(err)) throw new ImageError(`${path}: no such file or directory`);
    throw err;
  });
}
