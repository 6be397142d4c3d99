import { stat } from 'node:fs/promises';

import { ArchiveDestination } from './archive-destination.ts';
import { DockerArchiveSource } from './docker-archive.ts';
import { ImageError } from './image-error.ts';
import type { ImageDestination } from './image-destination.ts';
import type { ImageSource } from './image-source.ts';
import { LayoutDestination } from './layout-destination.ts';
import { DirectoryFiles, isAbsent } from './layout-files.ts';
import { namesOf } from './index-json.ts';
import type { ListedTag } from './listing.ts';
import { LayoutSource } from './layout-source.ts';
import { type FileLocation, type ImageLocation, parseLocation } from './location.ts';
import { openRegistry, type RegistryAccess } from './registry-access.ts';
import { RegistryDestination } from './registry-destination.ts';
import { RegistrySource } from './registry-source.ts';
import { TarFiles } from './tar-files.ts';

/** @throws {ImageError} | {RegistryError} */
export async function openSource(location: ImageLocation, access: RegistryAccess): Promise<ImageSource> {
  if (location.kind !== 'registry') return openFileSource(location);
  return new RegistrySource({ registry: await openRegistry(location.host, access), location, signal: access.signal });
}

/** @throws {ImageError} when there is no such directory or file */
export async function openFileSource(location: FileLocation): Promise<ImageSource> {
  if (location.kind !== 'docker-archive') return openLayout(location);
  await expectPath(location.path, 'file');
  return new DockerArchiveSource(await TarFiles.open(location.path), location);
}

/**
 * @param source the image to copy, whose tag is used when the location has none
 * @throws {ImageError} | {RegistryError}
 */
export async function openDestination(
  location: ImageLocation,
  access: RegistryAccess,
  source: Pick<ImageSource, 'tag' | 'fullName'>,
): Promise<ImageDestination> {
  if (location.kind !== 'registry') return openFileDestination(location, source);
  const registry = await openRegistry(location.host, access);
  return new RegistryDestination({ registry, location, signal: access.signal });
}

/** @param source as for {@link openDestination} @throws {ImageError} */
export async function openFileDestination(
  location: FileLocation,
  source: Pick<ImageSource, 'tag' | 'fullName'>,
): Promise<ImageDestination> {
  if (location.digest !== undefined)
    throw new ImageError(`${location.path}: a destination has no digest (remove @${location.digest})`);
  const names = {
    tag: location.name ?? source.tag,
    fullName: location.name === undefined ? source.fullName : undefined,
  };
  switch (location.kind) {
    case 'oci':
      return LayoutDestination.open(location.path, names);
    case 'oci-archive':
      return ArchiveDestination.create(location.path, names);
    case 'docker-archive':
      throw new ImageError(
        'docker archives cannot be written (use oci-archive:…, for podman load and skopeo; docker load reads it only with the containerd image store)',
      );
  }
}

/** Each name in a layout with its digest; content without a name as `@digest`, as it is written after `oci:directory`. @throws {ImageError} */
export async function listLayout(location: FileLocation): Promise<ListedTag[]> {
  if (location.kind === 'docker-archive')
    throw new ImageError(`docker-archive:${location.path}: only layouts are listed`);
  const source = await openLayout(location);
  try {
    const entries = await source.entries();
    return entries.map((entry) => ({ tag: namesOf(entry)[0] ?? `@${entry.digest}`, digest: entry.digest }));
  } finally {
    await source.close();
  }
}

async function openLayout(location: FileLocation): Promise<LayoutSource> {
  const isArchive = location.kind === 'oci-archive';
  await expectPath(location.path, isArchive ? 'file' : 'directory');
  const files = isArchive ? await TarFiles.open(location.path) : new DirectoryFiles(location.path);
  return new LayoutSource(files, location);
}

/**
 * The location of files to push: a directory, an archive of either kind, or a text for {@link parseLocation}.
 *
 * @throws {ImageError}
 */
export async function locateFiles(text: string): Promise<FileLocation> {
  const found = await stat(text).catch((err: unknown) => {
    if (!isAbsent(err)) throw err;
  });
  if (found?.isDirectory()) return { kind: 'oci', path: text, name: undefined, digest: undefined };
  if (found) return { kind: await archiveKind(text), path: text, name: undefined, digest: undefined };
  const location = parseLocation(text);
  if (location.kind === 'registry') throw new ImageError(`${text}: no such file or directory`);
  return location;
}

async function archiveKind(path: string): Promise<FileLocation['kind']> {
  const files = await TarFiles.open(path);
  try {
    if ((await files.size('index.json')) !== undefined) return 'oci-archive';
    if ((await files.size('manifest.json')) !== undefined) return 'docker-archive';
    throw new ImageError(`${path}: contains no image: neither index.json nor manifest.json`);
  } finally {
    await files.close();
  }
}

async function expectPath(path: string, what: 'directory' | 'file'): Promise<void> {
  const found = await stat(path).catch((err: unknown) => {
    if (!isAbsent(err)) throw err;
  });
  if (!found) throw new ImageError(`${path}: no such ${what}`);
  if (what === 'directory' ? !found.isDirectory() : !found.isFile()) throw new ImageError(`${path}: not a ${what}`);
}
