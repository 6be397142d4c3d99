/**
 * Copies images between registries, OCI layouts and archives.
 *
 * @module
 */
import { RemoteRegistry } from '../client/remote-registry.ts';
import { delegate } from '../filters/delegate.ts';
import { type CopyEvents, type CopyResult, copyImage as copy } from '../images/copy.ts';
import type { ImageDestination } from '../images/image-destination.ts';
import { ImageError } from '../images/image-error.ts';
import type { ImageSource } from '../images/image-source.ts';
import { parseImageName, parseLocation } from '../images/location.ts';
import { openFileDestination, openFileSource } from '../images/open-image.ts';
import { parsePlatform } from '../images/platform.ts';
import { RegistryDestination } from '../images/registry-destination.ts';
import { RegistrySource } from '../images/registry-source.ts';
import type { Registry } from '../registry/registry.ts';
import { completeEvents } from './complete-events.ts';

export type { CopyEvents, CopyResult, CopySize } from '../images/copy.ts';
export { ImageError } from '../images/image-error.ts';

/** An image in a registry: `library/alpine:3.20`, `team/app@sha256:…`; without tag and digest, `latest`. */
export interface RegistryImage {
  readonly registry: Registry;
  readonly name: string;
}

/** An image in files: `oci:directory:tag`, `oci-archive:file.tar:tag`; as a source also `docker-archive:file.tar:name`. */
export type FileImage = string;

export interface CopyImageOptions {
  /** Such as `linux/arm64` or `linux/arm/v7`; others are left out. @default all */
  readonly platforms?: readonly string[];
  /** Also copy signatures and other referrers of the image. @default false */
  readonly referrers?: boolean;
  /** Blobs that are copied concurrently. @default 4 */
  readonly jobs?: number;
  readonly events?: Partial<CopyEvents>;
  readonly signal?: AbortSignal;
}

/**
 * Copies an image: its blobs, then its manifests, its name last. Every byte is verified, and manifests are not changed. Blobs that the
 * destination has are not sent. Registries are not closed.
 *
 * @throws {ImageError} for an invalid name, an image that does not exist in files, or damaged content
 * @throws {RegistryError} when a registry refuses or fails; then nothing is named at the destination
 */
export async function copyImage(
  from: RegistryImage | FileImage,
  to: RegistryImage | FileImage,
  options: CopyImageOptions = {},
): Promise<CopyResult> {
  const { platforms = [], referrers = false, jobs = 4, events, signal = new AbortController().signal } = options;
  const source = await openSource(from, signal);
  try {
    const destination = await openDestination(to, { source, signal });
    try {
      const selected = platforms.map(parsePlatform);
      return await copy(source, destination, {
        platforms: selected,
        referrers,
        jobs,
        events: completeEvents(IGNORE, events),
        signal,
      });
    } finally {
      await destination.close();
    }
  } finally {
    await source.close();
  }
}

async function openSource(image: RegistryImage | FileImage, signal: AbortSignal): Promise<ImageSource> {
  if (typeof image === 'string') return openFileSource(parseFile(image));
  return new RegistrySource({ ...locate(image), signal });
}

async function openDestination(
  image: RegistryImage | FileImage,
  { source, signal }: { readonly source: ImageSource; readonly signal: AbortSignal },
): Promise<ImageDestination> {
  if (typeof image === 'string') return openFileDestination(parseFile(image), source);
  return new RegistryDestination({ ...locate(image), signal });
}

function parseFile(text: string) {
  const location = parseLocation(text);
  if (location.kind !== 'registry') return location;
  throw new ImageError(`${text}: not a file (use oci:…, oci-archive:… or docker-archive:…, or { registry, name })`);
}

/** The registry without its `close`: it belongs to the caller. */
function locate({ registry, name }: RegistryImage) {
  const host = registry instanceof RemoteRegistry ? registry.host : 'registry';
  return { registry: delegate(registry), location: parseImageName(name, host) };
}

const ignore = () => {};
const IGNORE: CopyEvents = {
  planned: ignore,
  blobStarted: ignore,
  blobMoved: ignore,
  blobDone: ignore,
  blobFailed: ignore,
};
