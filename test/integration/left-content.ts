import { blobDataPath, layerLinkPath, revisionLinkPath, tagLinkPath } from '../../src/content/paths.ts';
import { type Digest, digestOf } from '../../src/oci/digest.ts';
import type { LeftFiles } from '../support/power-loss/disk-model.ts';
import type { PushStorm } from './push-storm.ts';

/** Bytes that were synced are the same object in every state. */
const known = new WeakMap<Buffer, Digest>();

/** What of the pushes that were acknowledged before a moment is not in these files: paths below `/v2/`. */
export function lossesIn(left: LeftFiles, storm: PushStorm, moment: number): string[] {
  const paths = storm.acknowledged.filter(({ mark }) => mark <= moment).map(({ path }) => path);
  const lost = paths.filter((path) => !isThere(left, path));
  for (const [path, pushes] of storm.tags) {
    const last = pushes.findLastIndex(({ acknowledged }) => acknowledged !== undefined && acknowledged <= moment);
    if (last < 0) continue;
    const possible = pushes.slice(last).filter(({ begun }) => begun <= moment);
    const [repository = '', tag = ''] = path.split('/manifests/');
    const found = String(left.read(tagLinkPath(repository, tag)));
    const isPossible = possible.some(({ digest }) => digest === found);
    if (!isPossible || !isThere(left, `${repository}/manifests/${found}`)) lost.push(path);
  }
  return lost;
}

/** Digests whose bytes are there, and are others. */
export function wrongBytesIn(left: LeftFiles, digests: Iterable<string>): string[] {
  return [...digests].filter((digest) => {
    const bytes = left.read(blobDataPath(digest as Digest));
    return bytes && digestOfKnown(bytes) !== digest;
  });
}

function isThere(left: LeftFiles, path: string): boolean {
  const [, repository = '', kind, digest] = /^(.+)\/(blobs|manifests)\/(.+)$/.exec(path) ?? [];
  const link = kind === 'blobs' ? layerLinkPath : revisionLinkPath;
  const bytes = left.read(blobDataPath(digest as Digest));
  return (
    String(left.read(link(repository, digest as Digest))) === digest &&
    bytes !== undefined &&
    digestOfKnown(bytes) === digest
  );
}

function digestOfKnown(bytes: Buffer): Digest {
  const digest = known.get(bytes) ?? digestOf(bytes);
  known.set(bytes, digest);
  return digest;
}
